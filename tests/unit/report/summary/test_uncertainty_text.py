"""Claims about how uncertainty budgets are shown."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from rich.console import Console

from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.uncertainty import BudgetTerm, TermName, UncertaintyBudget
from llenergymeasure.report.renderers.console import draw
from llenergymeasure.report.renderers.plain import plain_text
from llenergymeasure.report.summary.document import Rows
from llenergymeasure.report.summary.uncertainty import uncertainty_document
from tests.support.sample_results import measured_result, unmeasured_result

SOURCE = "the energy of 3 repeats scatters by 1.3 % (standard deviation); what the meters explain is left out"
REMEDY = "repeat 40 s longer: 4 more windows of 10 s (measurement.repeats: {min: 7, max: 7})"


def term(name: TermName, half_width: float, halve_by: str | None = REMEDY) -> BudgetTerm:
    return BudgetTerm(name=name, half_width=half_width, source=SOURCE, halve_by=halve_by)


def result(**half_widths: float) -> ExperimentResult:
    """Return a result in which all gross figures have the same relative terms, and net energy others."""
    shares = half_widths or {"spread": 0.008, "gain": 0.0049, "edges": 1e-7, "resolution": 0.0}
    plain = measured_result()
    gross = (
        name
        for name, each in plain.estimates.items()
        if name.startswith("energy_per") or name == "mean_power_w"
    )
    budgets = {name: budget(plain, name, shares) for name in (*gross, "total_energy_j")}
    net = budget(plain, "net_energy_j", {"baseline": 0.01, **shares})
    return plain.model_copy(update={"uncertainty": {**budgets, "net_energy_j": net}})


def budget(plain: ExperimentResult, name: str, shares: dict[Any, float]) -> UncertaintyBudget:
    estimate = plain.estimates[name]
    terms = tuple(term(each, share * estimate.value) for each, share in shares.items())
    return UncertaintyBudget(
        figure=name,
        unit=estimate.unit,
        value=estimate.value,
        half_width=estimate.half_width,
        terms=terms,
        dominant=terms[0].name,
    )


def drawn(shown: ExperimentResult, width: int) -> str:
    out = io.StringIO()
    draw(uncertainty_document(shown), Console(file=out, width=width, highlight=False))
    return out.getvalue()


def piped(shown: ExperimentResult) -> str:
    return plain_text(uncertainty_document(shown))


def test_figures_with_the_same_budget_share_a_table() -> None:
    gross, net = (block.rows for block in uncertainty_document(result()).blocks if isinstance(block, Rows))
    assert [row.label for row in gross] == [
        "Energy",
        "Energy per output token",
        "Energy per input token",
        "Energy per token",
        "Energy per request",
        "Mean power",
    ]
    assert gross[0].value == "9,235 ± 88 J"
    assert [row.label for row in net] == ["Net energy (less idle)"]


def test_figures_that_are_in_no_table_are_shown_by_name() -> None:
    plain = result()
    newer = plain.uncertainty["mean_power_w"].model_copy(update={"figure": "peak_power_w"})
    shown = plain.model_copy(update={"uncertainty": {"peak_power_w": newer, **plain.uncertainty}})
    assert re.search(r"^peak_power_w +301\.8 W$", piped(shown), re.MULTILINE)


def test_each_term_shows_its_width_its_share_and_where_it_comes_from() -> None:
    text = piped(result())
    assert re.search(rf"^  spread +± 0.8 % +73 % +{re.escape(SOURCE)}$", text, re.MULTILINE)
    assert re.search(r"^  gain +± 0.49 % +27 % ", text, re.MULTILINE)
    assert re.search(r"^  edges +< 0.001 % +<1 % ", text, re.MULTILINE)
    assert f"Terms that are 0: resolution ({SOURCE})." in text


def test_the_widest_term_is_named_with_what_would_halve_it() -> None:
    assert f"The widest term is spread. To halve it: {REMEDY}." in piped(result())


def test_figures_share_a_table_though_the_sentence_of_a_term_names_each() -> None:
    plain = result(spread=0.9)
    named = {}
    for name, each in plain.uncertainty.items():
        (spread,) = (one for one in each.terms if one.name == "spread")
        source = SOURCE.replace("the energy of", f"the {each.words} of")
        named[name] = each.model_copy(update={"terms": (spread.model_copy(update={"source": source}),)})
    shown = piped(plain.model_copy(update={"uncertainty": named}))
    assert shown.count("scatters by") == 2, "one table of the gross figures, one of the net energy"
    assert "the total energy of 3 repeats scatters by 1.3 %" in shown


def test_a_total_compared_per_request_shares_the_table_of_the_energy_per_request() -> None:
    plain = result(spread=0.9)
    named = {}
    for name, words in (
        ("total_energy_j", "total energy per request"),
        ("energy_per_request_j", "energy per request"),
    ):
        each = plain.uncertainty[name]
        (spread,) = (one for one in each.terms if one.name == "spread")
        source = SOURCE.replace("the energy of", f"the {words} of")
        named[name] = each.model_copy(update={"terms": (spread.model_copy(update={"source": source}),)})
    shown = piped(plain.model_copy(update={"uncertainty": named}))
    assert shown.count("scatters by") == 1
    assert "the total energy per request of 3 repeats scatters by 1.3 %" in shown


def test_a_term_far_wider_than_its_figure_is_shown_in_the_figure_s_unit() -> None:
    assert "± 200 %" in piped(result(spread=2.0))
    assert re.search(r"spread +± 18[0-9.,]+ k?J +", piped(result(spread=20.0)))


def test_what_is_missing_from_a_budget_is_said() -> None:
    shown = result()
    single = shown.uncertainty["mean_power_w"].model_copy(update={"reason": "without the spread"})
    assert "Not included: without the spread." in piped(
        shown.model_copy(update={"uncertainty": {"mean_power_w": single}})
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_cut(width: int) -> None:
    text = drawn(result(), width)
    assert "…" not in text
    assert max(map(len, text.split("\n"))) <= width
    assert " ".join(REMEDY.split()) in " ".join(text.split())


def test_a_result_without_energy_says_why_there_is_no_budget() -> None:
    for text in (piped(unmeasured_result()), drawn(unmeasured_result(), 120)):
        assert "because the energy is unknown: no energy was measured: energy.meters is none." in text


def test_a_result_of_a_release_without_budgets_says_so() -> None:
    assert "has no uncertainty budget" in piped(measured_result())
