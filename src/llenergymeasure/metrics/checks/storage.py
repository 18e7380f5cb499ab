"""Checks of where the bundle is written."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

OUTPUT_NOT_DURABLE = WarningCode(
    code="output_not_durable",
    meaning="The file system of the output folder refuses steps that make a bundle durable, or let it appear whole.",
    remedy="Run `llem verify` on the bundle: the checksums tell whether it is whole. A local disk refuses nothing.",
    severity="info",
    because="What was measured is not affected; a failure of the machine or network just after the run may cost the "
    "bundle.",
)


def check_output_is_durable(inputs: CheckInputs) -> Iterable[RunWarning]:
    """An output folder whose file system does not confirm or rename what was written."""
    for each in inputs.output_refusals:
        yield from OUTPUT_NOT_DURABLE.raised(f"{each[0].upper()}{each[1:]}.")
