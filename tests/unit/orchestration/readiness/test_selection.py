"""Claims about workloads by name: those of the package, those of plugins, and wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.orchestration.readiness.selection import find_workload

ENTRY_POINTS = """[llenergymeasure.workloads]
riddles = acme_riddles:RIDDLES
"""
MODULE = """
from llenergymeasure.plugins import Plugin

RIDDLES = Plugin(name="riddles", target="acme_riddles:Riddles")

class Riddles:
    name = "riddles"
"""


@pytest.fixture
def _acme_riddles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with a workload of its own."""
    info = tmp_path / "acme_riddles-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-riddles\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "acme_riddles.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize("name", ["builtin", "synthetic"])
def test_workload_is_found_by_its_name(name: str) -> None:
    assert find_workload(name).name == name


@pytest.mark.usefixtures("_acme_riddles")
def test_workload_of_a_plugin_is_found_by_its_name() -> None:
    assert find_workload("riddles").name == "riddles"


@pytest.mark.parametrize("dataset", ["prompts.jsonl", "data/builtin", "/data/prompts", "jsonl", "alpaca"])
def test_any_other_data_set_is_a_file(dataset: str) -> None:
    assert find_workload(dataset).name == "jsonl"


@pytest.mark.usefixtures("_acme_riddles")
@pytest.mark.parametrize(
    ("dataset", "near"), [("syntetic", "synthetic"), ("Builtin", "builtin"), ("ridles", "riddles")]
)
def test_the_configuration_refuses_a_name_that_is_neither_a_workload_nor_a_file(
    dataset: str, near: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ValidationError, match=rf"unknown workload '{dataset}'; known: builtin, .*mean {near}\?"
    ):
        WorkloadConfig(dataset=dataset)
    (tmp_path / dataset).touch()
    assert WorkloadConfig(dataset=dataset).dataset == dataset


@pytest.mark.parametrize("dataset", ["none.jsonl", "data/none", "../none", "~/none"])
def test_a_path_is_taken_whether_or_not_the_file_exists_yet(dataset: str) -> None:
    assert WorkloadConfig(dataset=dataset).dataset == dataset
