"""Claims about workloads by name: those of the package, those of plugins, and wrong names."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.exceptions import ConfigError
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


def test_mistyped_workload_names_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match=r"workload.dataset: .*'syntetic'.*did you mean synthetic\?"):
        find_workload("syntetic")
    (tmp_path / "syntetic").touch()
    assert find_workload("syntetic").name == "jsonl"
