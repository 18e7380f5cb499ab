"""Where results differ in what was asked for and how it was served."""

from __future__ import annotations

from collections.abc import Sequence

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.reports.comparison import Comparison, Difference
from llenergymeasure.metrics.comparison.aspects import ASPECTS, Aspect
from llenergymeasure.metrics.comparison.readings import Value


def compare(results: Sequence[ExperimentResult], bundles: Sequence[str]) -> Comparison:
    """Return where results differ, those differences first that bend the comparison, and what some do not say."""
    values = [(aspect, [aspect.of(result) for result in results]) for aspect in ASPECTS]
    found = [difference for aspect, each in values if (difference := _difference(aspect, each)) is not None]
    unknown = [
        aspect.label for aspect, each in values if None in each and any(one is not None for one in each)
    ]
    return Comparison(
        bundles=tuple(bundles),
        differences=tuple(sorted(found, key=lambda each: not each.bends)),
        unknown=tuple(unknown),
    )


def differences(results: Sequence[ExperimentResult]) -> tuple[Difference, ...]:
    """Return where results differ, those differences first that bend the comparison."""
    return compare(results, [each.experiment_id for each in results]).differences


def _difference(aspect: Aspect, values: Sequence[Value]) -> Difference | None:
    known = [each for each in values if each is not None]
    if len(known) < 2 or _are_equal(known, aspect.tolerance):
        return None
    return Difference(
        name=aspect.name,
        label=aspect.label,
        values=tuple(None if each is None else _text(each) for each in values),
        bends=aspect.bends,
        consequence=aspect.consequence,
    )


def _are_equal(values: Sequence[str | float], tolerance: float) -> bool:
    numbers = [each for each in values if not isinstance(each, str)]
    if len(numbers) < len(values):
        return len(set(values)) == 1
    return max(numbers) - min(numbers) <= tolerance * max(map(abs, numbers))


def _text(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"
