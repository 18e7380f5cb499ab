"""Seeds of every random generator that a model can draw from."""

from __future__ import annotations


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch on every device; `seed` is below 2**32, as NumPy asks."""
    import random

    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # all CUDA devices included, also those not yet initialised


def seed_batch(seed: int, index: int) -> None:
    """Seed what sampling draws from, so that a batch yields the same tokens in every repeat and every run."""
    import torch

    torch.manual_seed(seed * 1_000_003 + index)
