"""A bundle is on the disk whole, or not at all."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from llenergymeasure.exceptions import ExperimentError
from llenergymeasure.results.bundle import write_bundle
from llenergymeasure.results.staging import discard_partial, locked, new_staging_folder


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


def test_result_that_cannot_be_written_is_kept_in_a_folder_that_only_the_user_can_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLEM_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ExperimentError, match=r"It was kept in .*data/rescued-\d+/run") as caught:
        write_bundle(tmp_path / "file" / "results", "run", {"a.txt": _text("a")})
    kept = Path(str(caught.value).rpartition("kept in ")[2])
    assert (kept / "a.txt").read_text() == "a"
    assert kept.parent.stat().st_mode & 0o777 == 0o700


def test_bundle_is_readable_by_others_than_its_writer(tmp_path: Path) -> None:
    folder = write_bundle(tmp_path, "run", {"a.txt": _text("a")})
    assert os.stat(folder).st_mode & 0o555 == 0o555


def test_what_a_killed_writer_of_this_machine_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    dead = _folder_of_a_dead_process(tmp_path)
    elsewhere = tmp_path / dead.name.replace(f".{platform.node()}.", ".another-node.")
    elsewhere.mkdir()
    own = new_staging_folder(tmp_path, "run")
    foreign = tmp_path / ".something.partial"
    foreign.mkdir()
    discard_partial(tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([elsewhere, own, foreign])


def test_a_staging_folder_whose_lock_is_held_stays_although_its_process_is_not_seen(tmp_path: Path) -> None:
    """A container has process numbers of its own."""
    staging = _folder_of_a_dead_process(tmp_path)
    with locked(staging):
        discard_partial(tmp_path)
    assert staging.exists()


def _folder_of_a_dead_process(parent: Path) -> Path:
    code = "import sys; from pathlib import Path; from llenergymeasure.results.staging import new_staging_folder\n"
    code += "print(new_staging_folder(Path(sys.argv[1]), 'run.1'))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(parent)], capture_output=True, text=True, timeout=60, check=True
    )
    return Path(done.stdout.strip())
