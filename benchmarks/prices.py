"""How often the intervals of the price list contain the true prices of a simulated card, and what unseen mixes cost.

The power of the card follows a known linear model; its sensors are the simulators of the tests, with real ticks, noise
and the sampler's times.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from benchmarks.report import end_interrupted, write

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
LEGEND = f"""\
a price: in how many runs it was stated, and in which share of these its 95 % interval contains the true one;
         mean error with its sign and mean half-width, in % of the true price
unseen mixes: error of the energy of loads that were not measured; beside it what the results say of
         themselves, from a repeat that was left out
bars: at least {LEAST_COVERED:.0%}, at most {MOST_ERROR:.0%}
"""


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is served on which sensor."""

    name: str
    sensor: Sensor
    mix: Mix


CASES: Sequence[Case] = (
    Case(name="A100 counter, static batches", sensor=COUNTERS["a100"], mix=STATIC),
    Case(name="A100 counter, continuous", sensor=COUNTERS["a100"], mix=CONTINUOUS),
    Case(name="H100 counter, static batches", sensor=COUNTERS["h100 instant"], mix=STATIC),
    Case(name="RAPL counter, continuous", sensor=COUNTERS["rapl"], mix=CONTINUOUS),
    Case(name="V100 power alone, static batches", sensor=POWER_ONLY["v100"], mix=STATIC),
    Case(name="A100 power alone, static batches", sensor=POWER_ONLY["a100"], mix=STATIC),
)


@dataclass(frozen=True, kw_only=True)
class Seed:
    """One simulated run."""

    prices: Mapping[str, tuple[float, float, bool]]
    """Of each price that is stated: relative error, relative half-width, whether the truth is covered."""
    unseen: tuple[float, ...]
    """Relative errors of the energies of mixes that were not measured."""
    out_of_sample: float
    """What the result said of itself: the mean error of a repeat that was left out."""


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
    bar: float = LEAST_COVERED
    """The least that may be covered."""

    @property
    def holds(self) -> str:
        return "yes" if self.covered >= self.bar else "NO"


@dataclass(frozen=True, kw_only=True)
class Unseen:
    """The energy of mixes that were not measured, by the prices of one case."""

    case: str
    worst: float
    """Largest relative error over seeds and mixes."""
    root_mean_square: float
    out_of_sample: float
    """What the results said of themselves: the mean error of a repeat that was left out."""
    bar: float = MOST_ERROR
    """The most that the worst may be."""

    @property
    def holds(self) -> str:
        return "yes" if self.worst <= self.bar else "NO"


def main() -> int:
    """Print and write the tables of all cases; return 1 where a bar is missed. Ctrl-C ends it early."""
    found: dict[Case, list[Seed]] = {}
    rows: list[Row] = []
    unseen: list[Unseen] = []
    print(f"\nprices: the price list of simulated cards, {SEEDS} runs a case\n{LEGEND}", flush=True)
    try:
        for case in CASES:
            for seed in range(SEEDS):
                found.setdefault(case, []).append(measure(case, seed))
            _judge(case, found[case], rows, unseen)
    except KeyboardInterrupt:
        case, seeds = next(reversed(found.items()), (CASES[0], []))
        if seeds and len(seeds) < SEEDS:
            print(f"{case.name}: {len(seeds)} of {SEEDS} runs")
            _judge(case, seeds, rows, unseen)
        end_interrupted("prices", sum(map(len, found.values())), _content(rows, unseen))
    write("prices", _content(rows, unseen))
    missed = missed_bars(rows, unseen)
    if missed:
        print("bars missed:", *missed, sep="\n  ")
    return 1 if missed else 0


def missed_bars(rows: Sequence[Row], unseen: Sequence[Unseen]) -> list[str]:
    """Return a line for each bar that is missed."""
    prices_off = [
        f"{each.case}, {each.price}: {each.covered:.1%} covered" for each in rows if each.holds == "NO"
    ]
    mixes_off = [
        f"{each.case}, unseen mixes: worst {each.worst:.2%}" for each in unseen if each.holds == "NO"
    ]
    return prices_off + mixes_off


def measure(case: Case, seed: int) -> Seed:
    """Simulate one run, and return how far its prices are from the true ones."""
    run = serve(case.mix, seed, case.sensor)
    attribution = run.attribution()
    return Seed(
        prices=price_errors(run, attribution),
        unseen=tuple(unseen_error(attribution, other, seed) for other in UNSEEN),
        out_of_sample=_out_of_sample(attribution),
    )


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


def _judge(case: Case, seeds: Sequence[Seed], rows: list[Row], unseen: list[Unseen]) -> None:
    """Add the rows of one case, and print them."""
    errors = {name: np.array([each.prices[name] for each in seeds if name in each.prices]) for name in PRICES}
    mine = [_row(case, name, each) for name, each in errors.items() if len(each)]
    others = np.array([each.unseen for each in seeds])
    rows += mine
    unseen.append(
        Unseen(
            case=case.name,
            worst=float(np.abs(others).max()),
            root_mean_square=float(np.sqrt(np.mean(np.square(others)))),
            out_of_sample=float(np.mean([each.out_of_sample for each in seeds])),
        )
    )
    _print(mine, unseen[-1])


def _row(case: Case, price: str, errors: np.ndarray) -> Row:
    return Row(
        case=case.name,
        price=price,
        stated=len(errors),
        covered=float(errors[:, 2].mean()),
        bias=float(errors[:, 0].mean()),
        half_width=float(errors[:, 1].mean()),
    )


def _content(rows: Sequence[Row], unseen: Sequence[Unseen]) -> dict[str, object]:
    return {"rows": [asdict(each) for each in rows], "unseen": [asdict(each) for each in unseen]}


def _print(rows: Sequence[Row], unseen: Unseen) -> None:
    for row in rows:
        print(
            f"{row.case:34} {row.price:13} {row.stated:4} covered {row.covered:6.1%} {row.holds:4}"
            f" bias {row.bias:+7.2%}  half-width {row.half_width:6.2%}"
        )
    print(
        f"{unseen.case:34} unseen mixes: worst {unseen.worst:.2%} {unseen.holds}, rms {unseen.root_mean_square:.2%};"
        f" a repeat left out {unseen.out_of_sample:.2%}",
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
