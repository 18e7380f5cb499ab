"""A bundle is on the disk whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.results.bundle import discard_partial, write_bundle


def _text(words: str):
    return lambda path: path.write_text(words, encoding="utf-8")


def _no_space(_path: Path) -> None:
    raise OSError(28, "No space left on device")


def test_bundle_holds_its_files_and_their_sums(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path / "new" / "single", "run", {"b.txt": _text("b"), "a.txt": _text("a")})
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "a.txt", "b.txt"]
    digest = hashlib.sha256(b"a").hexdigest()
    assert (folder / "SHA256SUMS").read_text().splitlines()[0] == f"{digest}  a.txt"


def test_taken_name_gets_a_number_and_nothing_is_overwritten(tmp_path: Path) -> None:
    first = write_bundle(tmp_path, "run", {"a.txt": _text("first")})
    second = write_bundle(tmp_path, "run", {"a.txt": _text("second")})
    assert (first.name, second.name) == ("run", "run-2")
    assert (first / "a.txt").read_text() == "first"


def test_failing_writer_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(_path: Path) -> None:
        raise ValueError("a defect")

    with pytest.raises(ValueError, match="a defect"):
        write_bundle(tmp_path, "run", {"a.txt": _text("a"), "b.txt": fail})
    assert list(tmp_path.iterdir()) == []


def test_full_disk_is_an_error_that_says_where_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="No space left on device"):
        write_bundle(tmp_path, "run", {"a.txt": _text("a"), "b.txt": _no_space})
    assert list(tmp_path.iterdir()) == []


def test_result_that_cannot_be_written_is_kept_in_the_temporary_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExperimentError, match=r"It was kept in .*llem-rescued/run") as caught:
        write_bundle(tmp_path / "file" / "results", "run", {"a.txt": _text("a")})
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    assert (kept / "a.txt").read_text() == "a"


def test_bundle_is_readable_by_others_than_its_writer(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "run", {"a.txt": _text("a")})
    assert os.stat(folder).st_mode & 0o555 == 0o555


def test_what_a_killed_writer_left_is_removed_and_what_is_being_written_is_not(tmp_path: Path) -> None:
    left = tmp_path / ".run.abc.partial"
    left.mkdir()
    (left / "trace.parquet").write_text("half")

    def discard_while_writing(path: Path) -> None:
        discard_partial(tmp_path)
        path.write_text("whole")

    written = write_bundle(tmp_path, "run", {"trace.parquet": discard_while_writing})
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert (written / "trace.parquet").read_text() == "whole"
