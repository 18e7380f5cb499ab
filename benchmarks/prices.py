"""How often the intervals of the price list contain the true prices of a simulated card, and what unseen mixes cost.

The power of the card follows a known linear model; its sensors are the simulators of the tests, with real ticks, noise
and the sampler's times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.report import write

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.attribution.by_request import marginal
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution
from llenergymeasure.metrics.attribution.by_request.step_cost import out_of_sample_errors
from llenergymeasure.metrics.attribution.by_request.timeline import step_amounts
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures import prices
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs
from tests.support.simulated_power import COUNTERS, POWER_ONLY, Sensor
from tests.support.simulated_serving import COSTS_J, Mix, ServedRun, serve, serve_steps

SEEDS = 200
LEAST_COVERED, MOST_ERROR = 0.95, 0.05
PRICES: Mapping[str, tuple[Figure, prices.Combination]] = {
    "prompt token": (prices.PER_PROMPT_TOKEN, marginal.one_more_prompt_token),
    "output token": (prices.PER_OUTPUT_TOKEN, marginal.one_more_output_token),
    "request": (prices.PER_REQUEST, marginal.one_more_request),
    "step": (prices.PER_STEP, marginal.one_more_step),
}
STATIC, CONTINUOUS = Mix(), Mix(fills=True)
UNSEEN: Sequence[Mix] = (
    Mix(slots=3, prompt_tokens=(300, 500), output_tokens=(60, 100)),
    Mix(slots=1, prompt_tokens=(40, 80), output_tokens=(100, 120)),
    Mix(slots=8, prompt_tokens=(600, 700), output_tokens=(10, 20), fills=True),
)
CASES: Sequence[tuple[str, Sensor, Mix]] = (
    ("A100 counter, static batches", COUNTERS["a100"], STATIC),
    ("A100 counter, continuous", COUNTERS["a100"], CONTINUOUS),
    ("H100 counter, static batches", COUNTERS["h100 instant"], STATIC),
    ("RAPL counter, continuous", COUNTERS["rapl"], CONTINUOUS),
    ("V100 power alone, static batches", POWER_ONLY["v100"], STATIC),
    ("A100 power alone, static batches", POWER_ONLY["a100"], STATIC),
)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One price of one case over all seeds."""

    case: str
    price: str
    stated: int
    """Seeds in which there was a price with an interval."""
    covered: float
    """Fraction of these whose interval contains the true price."""
    bias: float
    """Mean relative error."""
    half_width: float
    """Mean, over the true price."""


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """The energy of mixes that were not measured, by the prices of one case."""

    case: str
    worst: float
    """Largest relative error over seeds and mixes."""
    root_mean_square: float
    out_of_sample: float
    """What the results said of themselves: the mean error of a repeat that was left out."""


def main() -> None:
    """Print and write the tables of all cases."""
    tables = [judge(*case) for case in CASES]
    rows, unseen = [row for each, _ in tables for row in each], [each for _, each in tables]
    write("prices", {"rows": [asdict(each) for each in rows], "unseen": [asdict(each) for each in unseen]})


def judge(case: str, sensor: Sensor, mix: Mix, seeds: int = SEEDS) -> tuple[list[Row], Unseen]:
    """Judge one case, and print it."""
    found: dict[str, list[tuple[float, float, bool]]] = {name: [] for name in PRICES}
    errors, left_out = [], []
    for seed in range(seeds):
        run = serve(mix, seed, sensor)
        attribution = run.attribution()
        for name, each in price_errors(run, attribution).items():
            found[name].append(each)
        errors += [unseen_error(attribution, other, seed) for other in UNSEEN]
        left_out.append(_out_of_sample(attribution))
    rows = [_row(case, name, np.array(each)) for name, each in found.items() if each]
    unseen = Unseen(
        case=case,
        worst=float(np.abs(errors).max()),
        root_mean_square=float(np.sqrt(np.mean(np.square(errors)))),
        out_of_sample=float(np.mean(left_out)),
    )
    _print(rows, unseen)
    return rows, unseen


def price_errors(run: ServedRun, attribution: Attribution) -> dict[str, tuple[float, float, bool]]:
    """Return relative error, relative half-width and whether the truth is covered, of each price that is stated."""
    rows = window_totals(EnergyAccount(run.trace), run.phases, run.requests)
    inputs = FigureInputs(rows=rows, attribution=attribution)
    mean = marginal.mean_request(attribution)
    assert mean is not None
    errors = {}
    for name, (figure, combination) in PRICES.items():
        true_j = float(combination(mean) @ COSTS_J)
        stated = figure.compute(figure, inputs)
        if isinstance(stated, Estimate) and stated.low is not None and stated.high is not None:
            half = (stated.high - stated.low) / 2
            errors[name] = (stated.value / true_j - 1, half / true_j, stated.low <= true_j <= stated.high)
    return errors


def unseen_error(attribution: Attribution, mix: Mix, seed: int) -> float:
    """Return the relative error of the energy of a mix that was not measured."""
    amounts = step_amounts(serve_steps(mix, seed)).sum(axis=0)
    return float(amounts @ attribution.costs.total / (amounts @ COSTS_J) - 1)


def _out_of_sample(attribution: Attribution) -> float:
    return float(np.abs(out_of_sample_errors(attribution.rows, len(attribution.windows))).mean())


def _row(case: str, price: str, errors: np.ndarray) -> Row:
    return Row(
        case=case,
        price=price,
        stated=len(errors),
        covered=float(errors[:, 2].mean()),
        bias=float(errors[:, 0].mean()),
        half_width=float(errors[:, 1].mean()),
    )


def _print(rows: Sequence[Row], unseen: Unseen) -> None:
    for row in rows:
        holds = "yes" if row.covered >= LEAST_COVERED else "NO"
        print(
            f"{row.case:34} {row.price:13} {row.stated:4} covered {row.covered:6.1%} {holds:4}"
            f" bias {row.bias:+7.2%}  half-width {row.half_width:6.2%}"
        )
    holds = "yes" if unseen.worst <= MOST_ERROR else "NO"
    print(
        f"{unseen.case:34} unseen mixes: worst {unseen.worst:.2%} {holds}, rms {unseen.root_mean_square:.2%};"
        f" a repeat left out {unseen.out_of_sample:.2%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
