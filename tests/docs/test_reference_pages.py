"""The generated pages are what the code says, and say everything."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripts.reference.pages import PAGES, REFERENCE

import llenergymeasure
from llenergymeasure import exceptions
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.schema import document_of, field_paths
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.metrics.checks.table import WARNING_CODES
from llenergymeasure.metrics.figures.table import FIGURES
from llenergymeasure.report.result_schema import result_schema
from llenergymeasure.results.bundle import result_json
from tests.support.bundles import leaves, read_json, write_run
from tests.support.json_schema import faults
from tests.support.sample_results import estimated_result, measured_result, unmeasured_result


def _stored(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def _faults(document: Any) -> list[str]:
    schema = result_schema()
    return list(faults(document, schema, schema))


@pytest.mark.parametrize("name", PAGES)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert _stored(name) == PAGES[name](), "run `make docs-reference` (python -m scripts.write_reference)"


def test_every_field_of_the_configuration_has_its_row_with_a_meaning() -> None:
    rows = [line for line in _stored("configuration.md").splitlines() if line.startswith("| `")]
    keys = [row.split("`")[1] for row in rows]
    repeated = {key for key in keys if keys.count(key) > 1}
    several_kinds = {"load", "workload.input_lengths", "workload.output_lengths"}
    assert {key.rpartition(".")[0] for key in repeated} == several_kinds
    builtin = {path[0] for path in field_paths(document_of(ExperimentConfig))} - {"pytorch"}
    own = set(ExperimentConfig.model_fields) - {"pytorch"}
    assert own <= builtin
    paths = {".".join(path) for path in field_paths(document_of(ExperimentConfig)) if path[0] in own}
    sections = {path.rpartition(".")[0] for path in paths}
    assert {path for path in paths - sections - set(keys) if "standin" not in path} == set()
    assert [row for row in rows if row.rstrip(" |").endswith(("`", "| yes", "| no"))] == []


def test_every_code_of_a_warning_has_its_meaning_severity_and_remedy() -> None:
    page = _stored("warnings.md")
    for row in WARNING_CODES:
        section = page.partition(f"## `{row.code}`\n")[2].partition("\n## ")[0]
        assert row.meaning in section
        assert "* Severity: " in section
        assert f"* What to do: {row.remedy}" in section


def test_every_public_name_and_exception_is_described() -> None:
    page = _stored("python-api.md")
    assert [
        name for name in llenergymeasure.__all__ if name != "__version__" and f"`{name}" not in page
    ] == []
    errors = [
        name
        for name, each in vars(exceptions).items()
        if isinstance(each, type) and issubclass(each, LLEMError)
    ]
    assert len(errors) > 10
    assert [name for name in errors if f"| `{name}` |" not in page] == []


def test_results_satisfy_the_schema(tmp_path: Path) -> None:
    assert _faults(read_json(write_run(tmp_path))) == []
    for result in (measured_result(), unmeasured_result(), estimated_result()):
        assert _faults(json.loads(result_json(result))) == []


def test_a_result_of_another_shape_does_not_satisfy_the_schema(tmp_path: Path) -> None:
    document = read_json(write_run(tmp_path))
    for change in ({"total_energy_j": "12"}, {"verdict": "fine"}, {"warnings": {}}, {"repeats": [{}]}):
        assert _faults({**document, **change})
    document.pop("config_hash")
    assert _faults(document) == [".config_hash: is missing"]


def test_what_a_later_release_adds_satisfies_the_schema(tmp_path: Path) -> None:
    document = read_json(write_run(tmp_path))
    document["carbon_g"] = 1.0
    document["repeats"][0]["carbon_g"] = 1.0
    assert _faults(document) == []


def test_the_schema_says_what_each_figure_is() -> None:
    properties = result_schema()["properties"]
    assert [
        figure.name for figure in FIGURES if figure.label not in properties[figure.name]["description"]
    ] == []
    assert all(path[-1] != "title" for path, _ in leaves(result_schema()) if len(path) > 1)
