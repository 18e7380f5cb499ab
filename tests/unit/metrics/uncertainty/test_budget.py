"""A budget adds up to the interval it explains, counts nothing twice, and says what would narrow it."""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import replace
from typing import Any

import pytest

from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.domain.uncertainty import BudgetTerm, UncertaintyBudget
from llenergymeasure.metrics.energy.account import TotalEnergy
from llenergymeasure.metrics.energy.idle_power import TOO_SHORT, Baselines, IdlePower
from llenergymeasure.metrics.energy.interval_uncertainty import ChannelUncertainty
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.figure import FigureInputs
from llenergymeasure.metrics.figures.table import compute_figures
from llenergymeasure.metrics.statistics.estimates import budget_estimate
from llenergymeasure.metrics.statistics.student import mean_half_width, student_t
from llenergymeasure.metrics.uncertainty.budget import ONE_WINDOW
from tests.support.synthetic import ns

IDLE = IdlePower(power_w=20.0, half_width_w=0.5, by_channel=(20.0,), duration_s=30.0)


def gpu(number: int = 0, **fields: Any) -> Channel:
    named = {"device": f"GPU-{number}", "label": f"GPU {number}", "meter": "nvml", "domain": "gpu"}
    return Channel(**{**named, "method": "counter", "relative_error": 0.05, **fields})


def errors(channel: Channel | None = None, **half_widths: float) -> ChannelUncertainty:
    return ChannelUncertainty(channel=channel or gpu(), **half_widths)


def rows(
    *energies_j: float, found: list[ChannelUncertainty] | None = None, tokens: int = 50
) -> list[WindowTotals]:
    """Return windows of ten seconds, each with two requests and the same errors."""
    return [
        WindowTotals(
            window=Phase(
                name="window",
                start_unix_ns=ns(11.0 * number),
                end_unix_ns=ns(11.0 * number + 10),
                repeat=number,
            ),
            energy=TotalEnergy(energy_j=energy_j),
            input_tokens=2 * tokens,
            output_tokens=2 * tokens,
            served=RequestTable.from_records(request(f"{number}-{each}", tokens) for each in range(2)),
            uncertainty=tuple(found or ()),
        )
        for number, energy_j in enumerate(energies_j)
    ]


def request(request_id: str, tokens: int) -> RequestRecord:
    return RequestRecord(
        request_id=request_id,
        repeat=0,
        prompt_tokens=tokens,
        output_tokens=tokens,
        scheduled_unix_ns=ns(0),
        sent_unix_ns=ns(0),
        closed_unix_ns=ns(1),
        finish_reason="length",
    )


def _of(*tables: RequestTable) -> RequestTable:
    return RequestTable.from_records(each for table in tables for each in table.rows())


def energy_budgets(
    windows: list[WindowTotals], baselines: Baselines | None = None
) -> dict[str, UncertaintyBudget]:
    """Return the budget of each energy figure that is known."""
    inputs = FigureInputs(rows=windows, method="counter", baselines=baselines or Baselines())
    return dict(compute_figures(inputs).uncertainty)


def total(*energies_j: float, **half_widths: float) -> UncertaintyBudget:
    return energy_budgets(rows(*energies_j, found=[errors(**half_widths)]))["total_energy_j"]


def term(budget: UncertaintyBudget, name: str) -> BudgetTerm:
    return next(each for each in budget.terms if each.name == name)


def test_terms_add_in_quadrature_to_the_interval_and_the_widest_comes_first() -> None:
    budget = total(1000.0, 1010.0, 990.0, gain_j=50.0, edges_j=3.0, resolution_j=0.001)
    assert [each.name for each in budget.terms] == ["gain", "spread", "edges", "resolution"]
    assert budget.dominant == "gain"
    assert budget.half_width == pytest.approx(math.hypot(*(each.half_width for each in budget.terms)))
    assert sum(budget.share(each) for each in budget.terms) == pytest.approx(1)


def test_a_gain_has_one_sign_in_all_windows_and_edges_have_not() -> None:
    budget = total(1000.0, 1000.0, 1000.0, 1000.0, gain_j=50.0, edges_j=3.0)
    assert term(budget, "gain").half_width == pytest.approx(4 * 50.0)
    assert term(budget, "edges").half_width == pytest.approx(2 * 3.0)


@pytest.mark.parametrize(
    ("channels", "together"),
    [
        ((gpu(0), gpu(1)), math.hypot(50.0, 50.0)),
        ((gpu(domain="cpu", meter="rapl"), gpu(1, domain="cpu", meter="rapl")), 100.0),
        ((gpu(0), gpu(1, domain="cpu", meter="rapl")), math.hypot(50.0, 50.0)),
    ],
)
def test_boards_err_independently_and_sensors_of_one_model_alike(
    channels: tuple[Channel, ...], together: float
) -> None:
    found = [errors(channel, gain_j=50.0) for channel in channels]
    budget = energy_budgets(rows(2000.0, found=found))["total_energy_j"]
    assert term(budget, "gain").half_width == pytest.approx(together)


@pytest.mark.parametrize("edges_j", [0.0, 3.0, 30.0, 300.0])
def test_what_meters_leave_open_is_not_counted_again_in_the_spread(edges_j: float) -> None:
    energies = (1000.0, 1020.0, 985.0)
    spread = mean_half_width([3 * each for each in energies])
    assert spread is not None
    budget = total(*energies, edges_j=edges_j)
    assert budget.half_width == pytest.approx(max(spread, math.sqrt(3) * edges_j))


def test_figures_per_token_share_the_budget_of_their_energy() -> None:
    budgets = energy_budgets(
        rows(1000.0, 1010.0, 990.0, found=[errors(gain_j=50.0, edges_j=3.0, alias_j=7.0, readings=100.0)])
    )
    whole = budgets["total_energy_j"]
    for name in ("mean_power_w", "energy_per_token_j", "energy_per_output_token_j", "energy_per_request_j"):
        budget = budgets[name]
        shares = {each.name: budget.share(each) for each in budget.terms}
        assert shares == pytest.approx({each.name: whole.share(each) for each in whole.terms})
        assert budget.relative(budget.half_width or 0) == pytest.approx(whole.relative(whole.half_width or 0))
    assert budgets["energy_per_token_j"].value == pytest.approx(3000 / 600)


def test_tokens_that_explain_the_difference_between_repeats_narrow_the_figure_per_token() -> None:
    uneven = [*rows(1000.0, tokens=50), *rows(2000.0, tokens=100), *rows(3000.0, tokens=150)]
    budgets = energy_budgets(uneven)
    assert budgets["energy_per_token_j"].half_width == 0
    assert term(budgets["total_energy_j"], "spread").half_width > 1000


def test_nothing_is_known_of_tokens_that_were_not_there_or_energy_that_was_not_read() -> None:
    assert set(energy_budgets(rows(1000.0, tokens=0))) == {
        "total_energy_j",
        "mean_power_w",
        "energy_per_request_j",
        "energy_per_1000_requests_wh",
    }
    unknown = WindowTotals(window=rows(1.0)[0].window, energy=TotalEnergy(energy_j=None, reason="gone"))
    assert energy_budgets([*rows(1000.0), unknown]) == {}


def test_a_single_repeat_has_the_interval_of_its_meters_and_says_what_is_missing() -> None:
    estimate = budget_estimate(total(1000.0, gain_j=50.0, edges_j=3.0), "counter")
    assert estimate.half_width == pytest.approx(math.hypot(50.0, 3.0))
    assert estimate.reason == ONE_WINDOW


def test_an_idle_power_is_subtracted_in_every_window_with_its_uncertainty() -> None:
    found = rows(1000.0, 1000.0, 1000.0, found=[errors(gain_j=50.0)])
    budget = energy_budgets(found, Baselines(bare=IDLE))["net_energy_j"]
    assert budget.value == pytest.approx(3 * (1000 - 200))
    assert term(budget, "baseline").half_width == pytest.approx(0.5 * 30)
    assert term(budget, "gain").half_width == pytest.approx(150)
    assert term(budget, "baseline").halve_by == "idle four times as long: measurement.baseline.idle_s: 120"
    assert all(each.name != "baseline" for each in energy_budgets(found)["total_energy_j"].terms)


def test_a_baseline_of_unknown_uncertainty_leaves_no_interval() -> None:
    short = IdlePower(power_w=20.0, half_width_w=None, by_channel=(20.0,), duration_s=1.0)
    budget = energy_budgets(rows(1000.0, 1000.0), Baselines(loaded=short))["marginal_energy_j"]
    assert budget.half_width is None
    assert budget_estimate(budget, "counter").reason == TOO_SHORT


def test_a_former_run_s_baseline_is_halved_by_measuring_it_anew() -> None:
    former = IdlePower(power_w=20.0, half_width_w=0.5, by_channel=(20.0,), origin="cached")
    budget = energy_budgets(rows(1000.0, 1000.0), Baselines(bare=former))["net_energy_j"]
    assert "measurement.baseline.reuse_max_age_s: 0" in str(term(budget, "baseline").halve_by)


@pytest.mark.parametrize("edges_j", [0.0, 5.0, 12.0])
@pytest.mark.parametrize("repeats", [2, 3, 8])
def test_the_repeats_that_are_asked_for_halve_the_spread_s_own_part(edges_j: float, repeats: int) -> None:
    energies = [1000.0 + 10 * (-1) ** number * (1 + number) for number in range(repeats)]
    budget = total(*energies, edges_j=edges_j)
    own = term(budget, "spread").half_width / repeats
    asked = re.search(
        r"(\d+) more windows? of 10 s .*min: (\d+), max: \2", str(term(budget, "spread").halve_by)
    )
    assert asked is not None
    then = int(asked[2])
    assert then == repeats + int(asked[1])

    def own_part(count: int) -> float:
        spread = student_t(count - 1) * statistics.stdev(energies) / math.sqrt(count)
        return math.sqrt(max(0.0, spread**2 - edges_j**2 / count))

    assert own_part(repeats) == pytest.approx(own)
    assert own_part(then) <= own / 2 < own_part(then - 1)


def test_remedies_are_settings_with_a_figure() -> None:
    budget = total(1000.0, 1000.0, gain_j=50.0, edges_j=3.0, resolution_j=0.1, alias_j=9.0, readings=100.0)
    said = {each.name: each.halve_by for each in budget.terms}
    assert said == {
        "gain": "calibrate this board against a meter at the wall: llem calibrate --wall-meter CSV",
        "edges": "windows twice as long: measurement.window.min_duration_s: 20",
        "resolution": "windows twice as long: measurement.window.min_duration_s: 20",
        "alias": "windows four times as long: measurement.window.min_duration_s: 40",
        "spread": None,
    }


def test_the_gain_of_an_estimate_is_reduced_by_measuring() -> None:
    model = gpu(domain="cpu", meter="estimate", method="estimated", relative_error=0.5)
    budget = energy_budgets(rows(100.0, found=[errors(model, gain_j=50.0)]))["total_energy_j"]
    assert "llem doctor" in str(term(budget, "gain").halve_by)


def test_sources_name_sensors_windows_and_figures() -> None:
    found = [errors(gpu(number), gain_j=50.0, edges_j=3.0, step=0.001) for number in range(8)]
    found.append(
        errors(gpu(9, domain="cpu", meter="rapl", label="CPU package 0", relative_error=0.03), step=1e-6)
    )
    budget = energy_budgets(rows(1000.0, 1010.0, 990.0, found=found))["total_energy_j"]
    assert term(budget, "gain").source == (
        "systematic error of the sensors, the same in every window: ±5 % of each of 8 GPUs, ±3 % of CPU package 0"
    )
    assert term(budget, "edges").source.startswith("both ends of 3 windows of 10 s ")
    assert term(budget, "resolution").source == "counters move in steps of 0.001 mJ and 1 mJ"


def test_spread_names_the_figure_that_scatters_and_what_it_is_a_share_of() -> None:
    budgets = energy_budgets(rows(1000.0, 1010.0, 990.0), Baselines(bare=IDLE))
    said = {name: term(each, "spread").source for name, each in budgets.items()}
    assert said["total_energy_j"].startswith("the total energy of 3 repeats scatters by 1 % (standard")
    assert said["mean_power_w"].startswith("the mean power of 3 repeats scatters by 1 % (standard")
    assert said["net_energy_j"].startswith("the net energy of 3 repeats scatters by 1 % of the gross energy")


def test_totals_of_windows_with_different_work_are_said_to_be_compared_per_request() -> None:
    windows = rows(1000.0, 2000.0, 2200.0)
    windows[1:] = [replace(row, served=_of(row.served, row.served)) for row in windows[1:]]
    inputs = FigureInputs(rows=windows, method="counter", serves_whole_passes=True)
    budgets = compute_figures(inputs).uncertainty
    spread = term(budgets["total_energy_j"], "spread")
    assert spread.source.startswith("the total energy per request of 3 repeats scatters by 5.6 % (standard")
    assert term(budgets["energy_per_request_j"], "spread").source.startswith("the energy per request of 3 ")
    timed = compute_figures(replace(inputs, serves_whole_passes=False)).uncertainty
    assert term(timed["total_energy_j"], "spread").source.startswith("the total energy of 3 repeats scatters")


def test_rounding_errors_are_no_uncertainty() -> None:
    edges = term(total(1000.0, 1010.0, edges_j=2.2e-13), "edges")
    assert edges.source.endswith("readings: ±0 J for each window")
    budget = total(1000.0, 1000.0 + 1e-10, 1000.0)
    assert budget.half_width == 0
    assert budget.dominant is None
    assert all(each.halve_by is None for each in budget.terms)
