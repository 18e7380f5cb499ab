"""A server that ran before the run: what the idle baseline is then."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

BASELINE_HAS_SERVER = WarningCode(
    code="baseline_has_server",
    meaning="The server ran, with its model loaded, during the idle baseline: idle power includes that of the loaded "
    "model, so that net energy is as marginal energy is. The energy of loading is unknown.",
    remedy="Let llem start the server (server.preset or server.command), so that the idle machine is measured first.",
    severity="info",
    because="Gross energy does not depend on it.",
)


def check_server_ran_before(inputs: CheckInputs) -> Iterable[RunWarning]:
    """A baseline of a machine with the model loaded."""
    if inputs.engine_ran_before and any(phase.name == "baseline_idle" for phase in inputs.phases):
        yield from BASELINE_HAS_SERVER.raised(
            "The server ran before the idle baseline, so that idle power is that of a machine with the model loaded."
        )
