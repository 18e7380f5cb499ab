"""A bundle is opened once and read lazily; older and newer bundles of the same major version are read too."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import llenergymeasure
from llenergymeasure.exceptions import ExperimentError, LLEMError
from llenergymeasure.results import layout
from llenergymeasure.results.opening import Bundle, open_bundle
from tests.support import bundles
from tests.support.bundles import NAME, read_json, write_json, write_run


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("untouched"))


@pytest.fixture
def folder(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / NAME))


def _edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_everything_a_run_wrote_is_read_back(folder: Path) -> None:
    bundle, raw = open_bundle(folder), bundles.raw_run()
    assert bundle.config == bundles.CONFIG
    assert bundle.facts == raw.facts
    assert bundle.phases == raw.phases
    assert bundle.trace.channels == raw.trace.channels
    assert len(bundle.requests) == len(raw.requests) == bundle.count_rows(layout.REQUESTS)
    assert bundle.result.total_energy_j == read_json(folder)["total_energy_j"]
    assert (bundle.is_interrupted, bundle.check_sums()) == (False, ())


def test_a_file_is_read_only_when_it_is_asked_for(folder: Path) -> None:
    (folder / layout.TRACE).write_bytes(b"no parquet")
    bundle = open_bundle(folder)
    assert bundle.result.experiment_id == NAME
    with pytest.raises(ExperimentError, match=r"trace\.parquet cannot be read"):
        _ = bundle.trace
    assert [finding.file for finding in bundle.check_sums()] == [layout.TRACE]


def test_a_result_alone_is_read(folder: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(folder / layout.RESULT, tmp_path / "copy.json"))
    bundle = open_bundle(copy)
    assert bundle.result.model_dump() == open_bundle(folder).result.model_dump()
    assert not bundle.is_interrupted


def test_open_bundle_is_public(folder: Path) -> None:
    assert isinstance(llenergymeasure.open_bundle(folder), Bundle)


def test_an_interrupted_run_says_why_and_has_no_result(tmp_path: Path) -> None:
    bundle = open_bundle(write_run(tmp_path, f"{NAME}{layout.INTERRUPTED}", interrupted=True))
    assert bundle.is_interrupted
    assert bundle.facts.snapshot is not None
    with pytest.raises(ExperimentError, match=r"incomplete: there is no result\.json"):
        _ = bundle.result


def test_a_folder_without_a_bundle_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="is not a bundle"):
        open_bundle(tmp_path)
    with pytest.raises(ExperimentError, match="does not exist"):
        open_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read"),
        ("[]", "has no schema_version"),
        (json.dumps({"schema_version": "9.9.9"}), r"has schema 9\.9\.9, this version reads 2\.x"),
        (json.dumps({"schema_version": "1.4.0"}), r"read it with a release 1\.x of llenergymeasure"),
        (json.dumps({"schema_version": "two"}), "not a version"),
        (json.dumps({"schema_version": "2.0.0", "experiment_id": 3}), "experiment_id"),
    ],
)
def test_an_unreadable_result_says_which_file_and_why(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / layout.RESULT).write_text(text)
    with pytest.raises(ExperimentError, match=message) as caught:
        _ = open_bundle(tmp_path).result
    assert str(tmp_path / layout.RESULT) in str(caught.value)


# --- what a newer minor version added is ignored


def test_fields_of_a_newer_minor_version_are_ignored(folder: Path) -> None:
    document = read_json(folder)
    document["repeats"][0]["colour"] = "blue"
    document["energy"]["carbon_g"] = 1.5
    write_json(folder, {**document, "schema_version": "2.7.0", "water_l": 0.1})
    _edit(folder / layout.FACTS, schema_version="2.7.0", moon_phase="full")
    bundle = open_bundle(folder)
    assert bundle.result.repeats == tuple(bundle.result.repeats)
    assert bundle.result.total_energy_j == document["total_energy_j"]
    assert bundle.facts.experiment_id == NAME


def test_columns_of_a_newer_minor_version_are_ignored(folder: Path) -> None:
    before = open_bundle(folder)
    for name in (layout.TRACE, layout.REQUESTS, layout.PHASES):
        table = pq.read_table(folder / name)
        newer = table.append_column("colour", pa.array(["blue"] * table.num_rows))
        pq.write_table(newer, folder / name)
    bundle = open_bundle(folder)
    assert bundle.phases == before.phases
    assert len(bundle.requests) == len(before.requests)
    assert np.array_equal(bundle.trace.samples["t_unix_ns"], before.trace.samples["t_unix_ns"])


def test_a_configuration_of_a_newer_version_is_read_without_its_new_fields(folder: Path) -> None:
    path = folder / layout.CONFIG
    text = path.read_text().replace("config_version: 1", "config_version: 2")
    path.write_text(text.replace("workload:\n", "workload:\n  shuffle: true\n"))
    assert open_bundle(folder).config == bundles.CONFIG


def test_a_broken_configuration_is_refused_with_its_line(folder: Path) -> None:
    (folder / layout.CONFIG).write_text("model: m\nworkload:\n  n_prompts: none\n")
    with pytest.raises(LLEMError, match=r"config\.yaml:3"):
        _ = open_bundle(folder).config


def test_a_folder_of_bundles_is_refused_with_the_newest_of_them(tmp_path):
    for number, name in enumerate(("older", "newer")):
        facts = tmp_path / "single" / name / "run.json"
        facts.parent.mkdir(parents=True)
        facts.write_text("{}")
        os.utime(facts, (number, number))
    for folder in (tmp_path, tmp_path / "single"):
        with pytest.raises(ExperimentError, match=r"its newest bundle is .*/single/newer$"):
            open_bundle(folder)


def test_what_cannot_be_a_bundle_is_told_in_one_sentence(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "program").write_bytes(b"\x7fELF\xff")
    (tmp_path / "notes.txt").write_text("no bundle")
    for path, said in (
        ("", "'' names no bundle: the path is empty"),
        ("a" * 5000, "too long"),
        ("/dev/null", "is neither a folder nor a plain file"),
        (tmp_path / "pipe", "is neither a folder nor a plain file"),
        (tmp_path / "circle", "its links lead in a circle"),
        (tmp_path / "circle" / layout.FACTS, "its links lead in a circle"),
        (tmp_path / "gone", "is a link to nowhere, which does not exist"),
        (tmp_path / "notes.txt" / "below", "does not exist"),
        (tmp_path / "program", "it is no text in UTF-8"),
        (tmp_path / "notes.txt", "it is not JSON"),
    ):
        with pytest.raises(ExperimentError, match=said):
            _ = open_bundle(path).result


@pytest.mark.parametrize("name", [*layout.FILES, layout.CHECKSUMS])
def test_a_bundle_is_named_by_any_file_in_it(folder: Path, name: str) -> None:
    (folder / name).touch()  # that of a server is not in every bundle
    bundle = open_bundle(folder / name)
    assert (bundle.path, bundle.result.experiment_id) == (folder, NAME)


def test_facts_that_are_missing_are_not_looked_for_in_a_broken_result(folder: Path) -> None:
    (folder / layout.FACTS).unlink()
    (folder / layout.RESULT).write_text("{")
    with pytest.raises(ExperimentError, match=r"incomplete: there is no run\.json"):
        _ = open_bundle(folder).facts
