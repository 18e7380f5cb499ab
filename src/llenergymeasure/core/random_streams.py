"""Random numbers that follow from the seed of an experiment and from what they are for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def random_stream(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator of its own for each purpose: what one of them draws leaves the others as they are."""
    import numpy as np

    digest = hashlib.sha256(f"{purpose} of seed {seed}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))
