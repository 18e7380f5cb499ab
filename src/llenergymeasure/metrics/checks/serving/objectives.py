"""Checks of objectives: whether they say what a reader takes them for."""

from __future__ import annotations

from collections.abc import Iterable

from llenergymeasure.domain.experiment import RunWarning
from llenergymeasure.metrics.checks.code import Levels, WarningCode
from llenergymeasure.metrics.checks.inputs import CheckInputs

SLO_WITHOUT_QUEUE = WarningCode(
    code="slo_without_queue",
    meaning="Objectives were set for an offline load, in which nobody waits for a request: the time to first token has "
    "no time in a queue.",
    remedy="Set load.kind: open with the rate that is to be served.",
    severity="warning",
    because="Attainment under real traffic is lower, and may be 0.",
)
OBJECTIVE_NOT_APPLICABLE = WarningCode(
    code="objective_not_applicable",
    meaning="The limit of the time per output token says nothing about answers of one token: the other limits decide.",
    remedy="Set decoder.ignore_eos: true, or look at the length of the answers.",
    severity=Levels(
        of="fraction of the requests to which the objective does not apply", info=0.0, warning=0.5
    ),
    because="A judgement: above half, the objective is one of a minority.",
)


def check_objectives_mean_something(inputs: CheckInputs) -> Iterable[RunWarning]:
    """Objectives of an offline load, and those that do not apply to many requests."""
    if inputs.config.slo is None:
        return
    if inputs.config.load.kind == "offline":
        yield from SLO_WITHOUT_QUEUE.raised(
            "load.kind is offline, and slo is set: all requests are there at once, and each counts as due when the "
            "backend begins with it."
        )
    for each in inputs.traffic.objectives:
        if each.objective == "tpot_s" and each.not_applicable:
            due = each.requests + each.not_applicable
            yield from OBJECTIVE_NOT_APPLICABLE.raised(
                f"slo.tpot_s says nothing about {each.not_applicable} of {due} requests, whose answers have one token.",
                magnitude=each.not_applicable / due,
            )
