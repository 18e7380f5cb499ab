"""What the files of a model did not contain, or contained for nothing, as its loader reported it."""

from __future__ import annotations

from llenergymeasure.core.record import Record

MOST_NAMES = 20
"""Names that are kept of each kind."""


class WeightFaults(Record):
    """The differences between the tensors of a model and those of its files; of the names, the first twenty."""

    n_tensors: int
    """Of the model, shared ones once."""
    n_parameters: int
    """In these tensors."""
    n_missing: int = 0
    """Tensors that the files do not contain: they are random."""
    missing: tuple[str, ...] = ()
    n_mismatched: int = 0
    """Tensors that the files contain in another shape: they are random."""
    mismatched: tuple[str, ...] = ()
    random_parameters: int = 0
    """In the tensors that are missing or mismatched."""
    n_unused: int = 0
    """Tensors of the files that the model has no place for."""
    unused: tuple[str, ...] = ()

    @property
    def n_random(self) -> int:
        """Tensors that are random."""
        return self.n_missing + self.n_mismatched

    @property
    def random_names(self) -> tuple[str, ...]:
        """The names of tensors that are random."""
        return self.missing + self.mismatched
