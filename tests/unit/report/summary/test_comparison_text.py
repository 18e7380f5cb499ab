"""What `llem compare` says of results."""

from __future__ import annotations

import io

from llenergymeasure.domain.breakdowns.served import Served
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.metrics.comparison.differences import compare
from llenergymeasure.report.render import render
from llenergymeasure.report.summary.comparison import comparison_document, letter
from tests.support.sample_results import measured_result


def _text(*results: ExperimentResult) -> str:
    out = io.StringIO()
    comparison = compare(results, [f"results/{number}" for number in range(len(results))])
    render(comparison_document(results, comparison), out, "plain")
    return out.getvalue()


def _with_stops(*ids: int, backend: str = "pytorch") -> ExperimentResult:
    return measured_result(backend=backend, served=Served(facts=ServingFacts(stop_token_ids=ids)))


def test_each_result_has_a_line_with_its_figures_and_the_place_of_its_bundle() -> None:
    text = _text(_with_stops(2), _with_stops(2, backend="vllm"))
    assert [line.split()[1] for line in text.splitlines() if "tokens/s" in line] == [
        "pytorch",
        "vllm",
    ]
    assert ["A", "results/0"] in [line.split() for line in text.splitlines()]
    assert "Nothing that these results state differs" in text


def test_a_difference_stands_with_both_values_and_what_it_means() -> None:
    text = _text(_with_stops(2), _with_stops(2, 7))
    assert "Tokens that end an answer: A 2; B 2, 7" in text
    assert "answers end at other places" in text


def test_letters_go_on_after_z() -> None:
    assert [letter(place) for place in (0, 25, 26, 27)] == ["A", "Z", "A1", "B1"]
