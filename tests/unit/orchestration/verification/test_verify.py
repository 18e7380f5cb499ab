"""A bundle that was written by a run is valid; a bundle that was changed has findings."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import EnergyTrace
from llenergymeasure.orchestration.verification.verify import (
    COVERED_BY_SUMS_ONLY,
    raw_run,
    verify_bundle,
    verify_paths,
)
from llenergymeasure.results.documents import MAX_BYTES
from llenergymeasure.results.parquet.requests import write_requests
from llenergymeasure.results.parquet.trace_phases import write_phases, write_trace
from llenergymeasure.results.untrusted.bundle import read_untrusted
from tests.support import bundles
from tests.support.bundles import NAME, leaves, read_json, refresh_sums, write_json, write_run

FILES = (
    "attribution.parquet",
    "config.yaml",
    "phases.parquet",
    "requests.parquet",
    "result.json",
    "run.json",
    "steps.parquet",
    "trace.parquet",
)
TABLES = ("attribution.parquet", "phases.parquet", "requests.parquet", "steps.parquet", "trace.parquet")
SHARDS, TOGETHER = 4, 20
"""In parts, so that several processes can share the work; so many leaves are tampered with together, and those that no
finding names one by one."""


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("untouched"))


@pytest.fixture
def bundle(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / NAME))


def _findings(folder: Path) -> list[Finding]:
    return list(verify_bundle(folder).findings)


def _fields(folder: Path) -> list[tuple[str, str | None]]:
    return [(finding.file, finding.field) for finding in _findings(folder)]


def _facts(folder: Path) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return facts


def _write_facts(folder: Path, facts: dict[str, Any]) -> None:
    (folder / "run.json").write_text(json.dumps(facts), encoding="utf-8")
    refresh_sums(folder)


def _dotted(path: tuple[Any, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)[1:]


def _with(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    first, *rest = path
    if isinstance(document, list):
        return [
            _with(each, tuple(rest), value) if index == first else each for index, each in enumerate(document)
        ]
    return {**document, first: _with(document.get(first), tuple(rest), value)}


def _tampered(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if value is None or isinstance(value, str):
        return f"{value or ''}x"
    if isinstance(value, int):
        return value + 1
    return value * (1 + 1e-6) if abs(value) > 1e-9 else value + 1e-6


def test_bundle_of_a_run_holds(bundle: Path) -> None:
    verification = verify_bundle(bundle)
    assert (verification.ok, verification.findings, verification.notes) == (True, (), ())


def test_every_fact_of_the_run_is_handed_to_the_recomputation(bundle: Path) -> None:
    """A field that a run gains must be read back from the bundle, or every honest bundle would differ."""
    original, again = bundles.raw_run(), raw_run(read_untrusted(bundle, FILES))
    assert again is not None
    assert again.trace.channels == original.trace.channels
    assert again.phases == original.phases
    assert list(again.requests.rows()) == list(original.requests.rows())
    for name, fact in original.facts:
        assert getattr(again.facts, name) == fact
        assert fact or name in ("interrupted", "snapshot_unknown", "scheduled"), (
            f"the run of this test needs a {name}"
        )


# --- every leaf of the result


@pytest.mark.parametrize("shard", range(SHARDS))
def test_everything_in_the_result_is_found_when_changed(bundle: Path, shard: int) -> None:
    document = read_json(bundle)
    everything = list(leaves(document))
    assert len(everything) > 400
    assert ("peak_memory_bytes", "cuda:0") in dict(everything)
    mine, missed = everything[shard::SHARDS], []
    for begin in range(0, len(mine), TOGETHER):
        some = mine[begin : begin + TOGETHER]
        named = {finding.field for finding in _tampered_with(bundle, document, some)}
        rest = [each for each in some if _dotted(each[0]) not in named]
        missed += [_dotted(each[0]) for each in rest if not _tampered_with(bundle, document, [each])]
    assert missed == []


def _tampered_with(
    bundle: Path, document: dict[str, Any], changes: Sequence[tuple[tuple[Any, ...], Any]]
) -> list[Finding]:
    """Return what is found where these leaves of the result are changed."""
    for path, value in changes:
        document = _with(document, path, _tampered(value))
    write_json(bundle, document)
    refresh_sums(bundle)
    return _findings(bundle)


def test_facts_that_nothing_can_recompute_are_few_and_named(bundle: Path) -> None:
    facts = _facts(bundle)
    assert {*COVERED_BY_SUMS_ONLY, "schema_version", "steps", "scheduled"} == set(facts)


def test_changed_fact_contradicts_the_result(bundle: Path) -> None:
    facts = _facts(bundle)
    facts["model_info"]["shape"]["output_parameters"] += 1
    _write_facts(bundle, facts)
    fields = {finding.field for finding in _findings(bundle)}
    assert {"model_info.shape.output_parameters", "total_flops"} <= fields


def test_changed_figure_is_told_with_what_it_should_be(bundle: Path) -> None:
    document = read_json(bundle)
    stored = document["repeats"][1]["energy_j"]
    write_json(bundle, _with(document, ("repeats", 1, "energy_j"), stored * 0.9))
    refresh_sums(bundle)
    (finding,) = _findings(bundle)
    assert (finding.file, finding.field) == ("result.json", "repeats[1].energy_j")
    assert finding.stored == pytest.approx(stored * 0.9)
    assert finding.recomputed == pytest.approx(stored)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict",), "invalid"),
        (("energy", "method"), "sampled"),
        (("energy", "by_device", 0, "included_in_total"), False),
        (("estimates", "total_energy_j", "method"), "derived"),
        (("total_energy_j",), None),
        (("repeats",), []),
        (("estimates",), {}),
        (("made_up_j",), 1.0),
        (("warnings",), [{"code": "made_up", "message": "m", "remedy": "r", "severity": "info"}]),
        (("environment", "gpu", "name"), "NVIDIA B200"),
        (("environment_snapshot", "hardware", "gpu", "name"), "NVIDIA B200"),
        (("config", "precision"), "fp32"),
        (("config_hash",), "0123456789abcdef"),
        (("model_info", "n_matmul_parameters"), 999),
    ],
)
def test_words_and_gaps_are_found_too(bundle: Path, path: tuple[Any, ...], value: Any) -> None:
    write_json(bundle, _with(read_json(bundle), path, value))
    refresh_sums(bundle)
    assert _findings(bundle)


# --- every file


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_anywhere_in_a_file_is_found(bundle: Path, name: str) -> None:
    original = (bundle / name).read_bytes()
    for position in {0, 7, len(original) // 3, len(original) // 2, len(original) - 1}:
        flipped = bytearray(original)
        flipped[position] ^= 1
        (bundle / name).write_bytes(bytes(flipped))
        assert any(finding.file == name and "was changed" in finding.message for finding in _findings(bundle))


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
@pytest.mark.parametrize("cover_tracks", [False, True])
def test_removed_file_is_found(bundle: Path, name: str, cover_tracks: bool) -> None:
    if cover_tracks:
        (bundle / name).unlink()
        refresh_sums(bundle)
        if name == "SHA256SUMS":
            (bundle / name).unlink()
    else:
        (bundle / name).unlink()
    assert Finding(file=name, message="is missing") in _findings(bundle)


@pytest.mark.parametrize("name", ["notes.txt", ".hidden", "zweiter\x1b[2Jlauf"])
@pytest.mark.parametrize("cover_tracks", [False, True])
def test_additional_file_is_found(bundle: Path, name: str, cover_tracks: bool) -> None:
    (bundle / name).write_text("more")
    if cover_tracks:
        refresh_sums(bundle)
    assert Finding(file=name, message="is no file of a bundle") in _findings(bundle)


def test_file_name_that_is_no_text_is_found(bundle: Path) -> None:
    (bundle / os.fsdecode(b"odd\xff")).write_text("more")
    assert _fields(bundle) == [("odd�", None)]


def test_folder_inside_a_bundle_is_found(bundle: Path) -> None:
    (bundle / "more").mkdir()
    assert Finding(file="more", message="is no plain file") in _findings(bundle)


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
def test_link_is_refused_and_not_followed(bundle: Path, tmp_path: Path, name: str) -> None:
    (bundle / name).rename(tmp_path / "elsewhere")
    (bundle / name).symlink_to(tmp_path / "elsewhere")
    (finding,) = [finding for finding in _findings(bundle) if finding.file == name]
    assert finding.message == "is a link, which no bundle has; it was not followed"


def test_pipe_is_refused_and_does_not_block(bundle: Path) -> None:
    (bundle / "trace.parquet").unlink()
    os.mkfifo(bundle / "trace.parquet")
    assert Finding(file="trace.parquet", message="is no plain file") in _findings(bundle)


# --- SHA256SUMS


def test_one_flipped_bit_anywhere_in_the_sums_is_found(bundle: Path) -> None:
    from llenergymeasure.results.untrusted.files import check_files

    original = (bundle / "SHA256SUMS").read_bytes()
    for position in range(len(original)):
        for bit in (1, 32):
            flipped = bytearray(original)
            flipped[position] ^= bit
            (bundle / "SHA256SUMS").write_bytes(bytes(flipped))
            assert check_files(bundle).findings, (position, bit)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (f"{'0' * 64}  ../secret", "line 9 is not"),
        (f"{'0' * 64}  /etc/passwd", "line 9 is not"),
        (f"{'0' * 64}  ..", "line 9 is not"),
        (f"{'0' * 64}  a\\b", "line 9 is not"),
        (f"{'0' * 63}  trace.parquet", "line 9 is not"),
        (f"{'A' * 64}  other", "line 9 is not"),
        (f"{'0' * 64}  result.json", "line 9 lists result.json again"),
        (f"{'0' * 64}  other", "lists 'other', which is no file of a bundle"),
        (f"{'0' * 64}  SHA256SUMS", "lists 'SHA256SUMS', which is no file of a bundle"),
        ("", "line 9 is not"),
        ("x" * 70_000, "larger than 64 KiB"),
        ("\udcff", "can't decode"),
    ],
)
def test_sums_that_nobody_wrote_are_refused(bundle: Path, line: str, message: str) -> None:
    sums = bundle / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes() + line.encode("utf-8", "surrogateescape") + b"\n")
    (finding,) = _findings(bundle)
    assert finding.file == "SHA256SUMS"
    assert message in finding.message


def test_sums_that_are_cut_off_are_refused(bundle: Path) -> None:
    sums = bundle / "SHA256SUMS"
    sums.write_bytes(sums.read_bytes()[:-1])
    assert "cut off" in _findings(bundle)[0].message


def test_file_that_is_not_listed_is_found(bundle: Path) -> None:
    sums = bundle / "SHA256SUMS"
    lines = sums.read_text().splitlines(keepends=True)
    sums.write_text("".join(line for line in lines if "trace" not in line))
    assert _findings(bundle) == [Finding(file="trace.parquet", message="is not listed in SHA256SUMS")]


# --- result.json and config.yaml as documents


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read"),
        ("{", "cannot be read"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "has no schema_version"),
        ('{"schema_version": "9.0.0"}', "has schema 9.0.0, this version reads 2.x"),
        ('{"schema_version": "2.0.0", "schema_version": "2.0.0"}', "'schema_version' occurs twice"),
        ('{"schema_version": "2.0.0", "total_energy_j": NaN}', "NaN is no JSON number"),
        ('{"schema_version": "2.0.0"}', "breaks the schema: Field required"),
        ("\xff", "no text in UTF-8"),
        (" " * (MAX_BYTES + 1), "larger than 16 MiB"),
    ],
)
def test_result_that_is_none_is_one_kind_of_finding(bundle: Path, text: str, message: str) -> None:
    (bundle / "result.json").write_bytes(text.encode("latin-1"))
    refresh_sums(bundle)
    findings = _findings(bundle)
    assert {finding.file for finding in findings} == {"result.json"}
    assert message in findings[0].message


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("total_tokens",), "12", "total_tokens"),
        (("repeats", 0, "made_up"), 1, "repeats[0].made_up"),
        (("energy", "by_device", 0, "domain"), "moon", "energy.by_device[0].domain"),
        (("estimates", "mean_power_w", "low"), 1e9, "estimates.mean_power_w"),
    ],
)
def test_break_of_the_schema_is_told_with_its_field(
    bundle: Path, path: tuple[Any, ...], value: Any, field: str
) -> None:
    document = read_json(bundle)
    target = document
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    write_json(bundle, document)
    refresh_sums(bundle)
    (finding,) = _findings(bundle)
    assert finding.field == field
    assert finding.message.startswith("breaks the schema")


def test_configuration_that_is_not_the_measured_one_is_found(bundle: Path) -> None:
    config = bundle / "config.yaml"
    config.write_text(config.read_text().replace("n_prompts: 100", "n_prompts: 50"))
    refresh_sums(bundle)
    changed = ("config_hash", "experiment_hash", "config.workload.n_prompts")
    assert _fields(bundle)[0] == ("result.json", "config_hash")
    assert {field for _, field in _fields(bundle)} >= set(changed)


def test_configuration_that_cannot_be_read_is_one_finding(bundle: Path) -> None:
    (bundle / "config.yaml").write_text("model: any\nmodle: any\n")
    refresh_sums(bundle)
    (finding,) = _findings(bundle)
    assert finding.file == "config.yaml"
    assert finding.message.startswith("config.yaml:2: ")


# --- raw tables, with the sums written anew


@pytest.mark.parametrize("name", TABLES)
def test_truncated_table_is_one_finding(bundle: Path, name: str) -> None:
    original = (bundle / name).read_bytes()
    for length in (0, 3, 8, len(original) // 2, len(original) - 1):
        (bundle / name).write_bytes(original[:length])
        refresh_sums(bundle)
        (finding,) = _findings(bundle)
        assert finding.file == name
        assert finding.message.startswith("cannot be read")


def _without_first_column(table: pa.Table) -> pa.Table:
    return table.remove_column(1)


def _with_another_column(table: pa.Table) -> pa.Table:
    return table.append_column("more", pa.array([1] * table.num_rows))


def _required_column(table: pa.Table) -> int:
    """Return a column of integers without nulls: the first time, or the number of the window where there is none."""
    names = table.schema.names
    return next((index for index, name in enumerate(names) if name.endswith("unix_ns")), 0)


def _of_another_type(table: pa.Table) -> pa.Table:
    index = _required_column(table)
    name = table.schema.names[index]
    return table.set_column(index, name, table.column(name).cast(pa.float64(), safe=False))


def _with_a_null(table: pa.Table) -> pa.Table:
    index = _required_column(table)
    values, kind = table.column(index).to_pylist(), table.schema.field(index).type
    return table.set_column(index, table.schema.names[index], pa.array([None, *values[1:]], kind))


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(
    "change", [_without_first_column, _with_another_column, _of_another_type, _with_a_null]
)
def test_table_of_another_shape_is_found(
    bundle: Path, name: str, change: Callable[[pa.Table], pa.Table]
) -> None:
    table = pq.read_table(bundle / name)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), bundle / name)
    refresh_sums(bundle)
    findings = _findings(bundle)
    assert {finding.file for finding in findings} == {name}


def test_table_larger_than_memory_is_refused_before_it_is_read(
    bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llenergymeasure.results.untrusted.tables.MAX_ROWS", 50)
    assert {finding.file for finding in _findings(bundle)} == {
        "trace.parquet",
        "requests.parquet",
        "steps.parquet",
        "attribution.parquet",
    }
    monkeypatch.setattr("llenergymeasure.results.untrusted.tables.MAX_ROWS", 10**9)
    monkeypatch.setattr("llenergymeasure.results.untrusted.tables.MAX_UNPACKED_BYTES", 10)
    assert all("unpacks to" in finding.message for finding in _findings(bundle))


def test_relabelled_device_of_a_sample_is_found(bundle: Path) -> None:
    table = pq.read_table(bundle / "trace.parquet")
    index = table.schema.get_field_index("device")
    other = pa.array(["GPU-1"] * table.num_rows).dictionary_encode()
    pq.write_table(table.set_column(index, "device", other), bundle / "trace.parquet")
    refresh_sums(bundle)
    assert _fields(bundle) == [("trace.parquet", "device")]


def _rewrite_trace(bundle: Path, change: Callable[[Any], None]) -> None:
    trace = bundles.raw_run().trace
    samples = trace.samples.copy()
    change(samples)
    write_trace(EnergyTrace(channels=trace.channels, samples=samples), bundle / "trace.parquet")
    refresh_sums(bundle)


def test_trace_with_less_energy_contradicts_every_figure_from_it(bundle: Path) -> None:
    def scale(samples: Any) -> None:
        samples["energy_j"] *= 0.9

    _rewrite_trace(bundle, scale)
    fields_found = {field for _, field in _fields(bundle)}
    assert {"total_energy_j", "repeats[0].energy_j", "energy.by_device[0].energy_j"} <= fields_found


def test_trace_whose_time_runs_backwards_is_found(bundle: Path) -> None:
    def swap(samples: Any) -> None:
        samples["t_unix_ns"][[10, 11]] = samples["t_unix_ns"][[11, 10]]

    _rewrite_trace(bundle, swap)
    assert ("trace.parquet", "t_unix_ns") in _fields(bundle)


def test_endless_power_is_a_finding_and_breaks_nothing(bundle: Path) -> None:
    def endless(samples: Any) -> None:
        samples["power_w"][100] = np.inf
        samples["energy_j"][100] = np.inf

    _rewrite_trace(bundle, endless)
    assert {("trace.parquet", "power_w"), ("trace.parquet", "energy_j")} <= set(_fields(bundle))
    assert verify_bundle(bundle).model_dump_json()


@pytest.mark.parametrize(
    "change",
    [
        {"prompt_tokens": 11},
        {"output_tokens": 9},
        {"prompt_tokens": -10},
        {"repeat": 1},
        {"repeat": 7},
        {"repeat": -1},
        {"scheduled_unix_ns": 0},
        {"sent_unix_ns": 0},
        {"closed_unix_ns": 2**62},
        {"first_token_unix_ns": 1},
        {"chunk_unix_ns": (3, 2, 1), "chunk_tokens": (4, 2, 2)},
        {"chunk_tokens": (2,) * 8},
        {"status": "lost"},
        {"finish_reason": "bored"},
        {"request_id": "r0.p0.p1"},
    ],
    ids=lambda change: "-".join(f"{key}={value}" for key, value in change.items()),
)
def test_request_that_cannot_have_been_is_found(bundle: Path, change: dict[str, Any]) -> None:
    requests = list(bundles.raw_run().requests.rows())
    index = next(index for index, request in enumerate(requests) if request.request_id == "r0.p2.p0")
    requests[index] = replace(requests[index], **change)
    write_requests(RequestTable.from_records(requests), bundle / "requests.parquet")
    refresh_sums(bundle)
    assert _findings(bundle)


def test_removed_request_is_found(bundle: Path) -> None:
    requests = bundles.raw_run().requests
    write_requests(requests.select(np.arange(len(requests) - 1)), bundle / "requests.parquet")
    refresh_sums(bundle)
    assert ("result.json", "total_requests") in _fields(bundle)


@pytest.mark.parametrize(
    ("index", "change", "message"),
    [
        (-1, {"end_unix_ns": 1}, "ends before it starts"),
        (-1, {"repeat": 5}, "windows are numbered 0, 1, 5"),
        (-1, {"name": "nap"}, "cannot be used"),
        (-2, {"end_unix_ns": 2**62}, "overlaps window 1"),
        (0, {"start_unix_ns": 2**62, "end_unix_ns": 2**62}, "starts before baseline_idle"),
    ],
)
def test_phases_that_cannot_have_been_are_found(
    bundle: Path, index: int, change: dict[str, Any], message: str
) -> None:
    phases = list(bundles.raw_run().phases)
    phases[index] = replace(phases[index], **change)
    write_phases(phases, bundle / "phases.parquet")
    refresh_sums(bundle)
    assert any(
        finding.file == "phases.parquet" and message in finding.message for finding in _findings(bundle)
    )


def test_bundle_whose_requests_cross_the_edges_of_windows_holds(tmp_path: Path) -> None:
    raw = bundles.raw_run()
    shift_ns = 10**8
    later = [
        replace(
            phase,
            start_unix_ns=phase.start_unix_ns + shift_ns,
            end_unix_ns=phase.end_unix_ns + shift_ns,
        )
        if phase.name == "window"
        else phase
        for phase in raw.phases
    ]
    bundle = write_run(tmp_path, raw=replace(raw, phases=tuple(later)))
    assert all(repeat["cut_off_requests"] > 0 for repeat in read_json(bundle)["repeats"])
    assert _findings(bundle) == []


def test_window_that_was_moved_is_found(bundle: Path) -> None:
    phases = [replace(phase, end_unix_ns=phase.end_unix_ns + 1000) for phase in bundles.raw_run().phases]
    write_phases(phases, bundle / "phases.parquet")
    refresh_sums(bundle)
    assert ("result.json", "repeats[0].end_unix_ns") in _fields(bundle)


# --- interrupted runs, names and folders


def test_interrupted_run_has_its_sums_and_tables_checked(tmp_path: Path) -> None:
    kept = write_run(tmp_path, f"{NAME}.interrupted", interrupted=True)
    verification = verify_bundle(kept)
    assert verification.ok
    assert "no result to recompute" in verification.notes[0]
    (kept / "trace.parquet").write_bytes(b"")
    assert not verify_bundle(kept).ok


def test_run_without_a_result_is_not_taken_for_an_interrupted_one(tmp_path: Path) -> None:
    folder = write_run(tmp_path, f"{NAME}.interrupted")
    (folder / "result.json").unlink()
    refresh_sums(folder)
    assert _findings(folder) == [Finding(file="result.json", message="is missing")]


def test_renamed_bundle_holds_with_a_note(bundle: Path) -> None:
    renamed = bundle.rename(bundle.parent / "mine")
    verification = verify_bundle(renamed)
    assert verification.ok
    assert NAME in verification.notes[0]


def test_bundle_of_another_version_says_that_formulas_may_have_changed(bundle: Path) -> None:
    _write_facts(bundle, {**_facts(bundle), "tool_version": "2.9.9"})
    (note,) = verify_bundle(bundle).notes
    assert "written by llenergymeasure 2.9.9" in note


def test_second_bundle_of_a_name_bears_its_number_without_a_note(bundle: Path) -> None:
    assert write_run(bundle.parent).name == f"{NAME}-2"
    assert [each.notes for each in verify_paths(bundle.parent).bundles] == [(), ()]


def test_folder_is_searched_for_bundles(tmp_path: Path) -> None:
    for study in ("b", "a"):
        write_run(tmp_path / study)
    (tmp_path / "empty").mkdir()
    (tmp_path / ".run.partial").mkdir()
    (tmp_path / ".run.partial" / "result.json").write_text("half")
    (tmp_path / "latest").symlink_to(tmp_path / "a" / NAME)
    report = verify_paths(tmp_path)
    assert [each.bundle for each in report.bundles] == [str(tmp_path / study / NAME) for study in ("a", "b")]
    assert report.ok


@pytest.mark.parametrize("name", [*FILES, "SHA256SUMS"])
def test_bundle_may_be_named_by_any_file_in_it(bundle: Path, name: str) -> None:
    assert verify_paths(bundle / name).bundles == (verify_bundle(bundle),)


def test_what_nothing_can_recompute_is_named_only_where_figures_were_recomputed(bundle: Path) -> None:
    nowhere = bundle / "nowhere"
    assert verify_paths(nowhere).covered_by_sums_only == ()
    assert verify_paths(nowhere, bundle).covered_by_sums_only == COVERED_BY_SUMS_ONLY
    (bundle / "run.json").unlink()
    assert verify_paths(bundle).covered_by_sums_only == ()


@pytest.mark.parametrize("text", ["{", "[" * 100_000, "3", "", "[]", "{}"])
def test_broken_result_is_told_once_also_without_facts(bundle: Path, text: str) -> None:
    (bundle / "run.json").unlink()
    (bundle / "result.json").write_text(text)
    refresh_sums(bundle)
    assert sorted(file for file, _ in _fields(bundle)) == ["result.json", "run.json"]


@pytest.mark.parametrize("name", ["nowhere", "empty", "file.txt"])
def test_path_without_a_bundle_does_not_hold(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.txt").write_text("")
    report = verify_paths(tmp_path / name)
    assert not report.ok
    message = {"nowhere": "does not exist", "empty": "there is no bundle here"}
    said = message.get(name, "is no file of a bundle")
    assert report.bundles[0].findings == (Finding(file="", message=said),)


def test_folder_whose_name_looks_like_a_partition_holds(tmp_path: Path) -> None:
    assert verify_bundle(write_run(tmp_path / "device=3" / "repeat=1")).ok


# --- bundles of a newer version


def _as_newer(folder: Path) -> None:
    for name in ("result.json", "run.json"):
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps({**document, "schema_version": "2.9.0", "added": 1.0}))
    table = pq.read_table(folder / "phases.parquet")
    pq.write_table(
        table.append_column("colour", pa.array(["red"] * table.num_rows)), folder / "phases.parquet"
    )


def test_what_a_newer_version_added_is_a_note_that_it_was_not_recomputed(bundle: Path) -> None:
    _as_newer(bundle)
    refresh_sums(bundle)
    verification = verify_bundle(bundle)
    assert verification.findings == ()
    (note,) = verification.notes
    assert "2.9.0" in note
    for name in ("added of result.json", "added of run.json", "colour of phases.parquet"):
        assert name in note


def test_a_changed_figure_of_a_newer_bundle_is_found(bundle: Path) -> None:
    _as_newer(bundle)
    document = read_json(bundle)
    write_json(bundle, {**document, "total_energy_j": document["total_energy_j"] * 2})
    refresh_sums(bundle)
    assert "total_energy_j" in [field for _, field in _fields(bundle)]


def test_a_bundle_of_a_plugin_that_is_not_installed_is_verified_but_for_its_options(bundle: Path) -> None:
    """Published results are checked on other machines than those that measured."""
    for name in ("result.json", "config.yaml"):
        text = (bundle / name).read_text()
        (bundle / name).write_text(text.replace("standin", "absent"))
    refresh_sums(bundle)
    verification = verify_bundle(bundle)
    assert verification.findings == ()
    assert "options of absent and config_hash were not checked" in verification.notes[0]
