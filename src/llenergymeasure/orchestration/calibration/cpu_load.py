"""The known load of processors: matrix products on every core that the linear algebra library uses."""

from __future__ import annotations

import time

SIZE = 512
"""A product of two such matrices takes milliseconds on one core, so that the load ends when it should."""


class CpuLoad:
    """Products of matrices in single precision, back to back."""

    def __init__(self) -> None:
        import numpy as np

        self.description = (
            f"numpy matrix products, {SIZE} x {SIZE}, float32, on all cores of its BLAS library"
        )
        self._left = np.random.default_rng(1).standard_normal((SIZE, SIZE), dtype=np.float32)
        self._product = np.empty_like(self._left)
        self.run(0.2)

    def run(self, seconds: float) -> None:
        """Multiply for so long; the interpreter lock is free meanwhile."""
        import numpy as np

        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s:
            np.matmul(self._left, self._left, out=self._product)
