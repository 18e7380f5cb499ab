"""File systems and folders that refuse steps: what was measured is kept, or the refusal comes before the baseline."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from llenergymeasure.results import layout
from llenergymeasure.results.bundle import write_bundle
from tests.support.standin_runs import bundles_in
from tests.support.typed import llem, quick_run

WRITE = """
import logging, sys
from pathlib import Path
from llenergymeasure.results.bundle import write_bundle
from llenergymeasure.exceptions import ExperimentError
logging.basicConfig(format="warning: %(message)s")
text = lambda path: path.write_text("measured")
try:
    print(write_bundle(Path(sys.argv[1]), "run", {"result.json": text, "trace.parquet": text}))
except ExperimentError as error:
    print("error:", error)
"""
EPERM, EIO, EINVAL, ENOSPC, ENOSYS, ENOTSUP = 1, 5, 22, 28, 38, 95


def _refusing(library: Path, folder: Path, **calls: int) -> dict[str, str]:
    refused = " ".join(f"{call}={number}" for call, number in calls.items())
    return {"LD_PRELOAD": str(library), "REFUSE_UNDER": str(folder), "REFUSE": refused}


def _write(folder: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WRITE, str(folder)],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    "calls",
    [
        {"fsync": EINVAL},
        {"fsync": EIO},
        {"chmod": EPERM},
        {"flock": ENOTSUP},
        {"rename": EIO},
        {"fsync": ENOSYS, "chmod": EIO, "flock": EINVAL, "rename": EPERM},
    ],
    ids=str,
)
def test_a_refused_closing_step_loses_nothing(
    tmp_path: Path, refusing_fs: Path, calls: dict[str, int]
) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    done = _write(folder, _refusing(refusing_fs, folder, **calls))
    assert done.stdout == f"{folder / 'run'}\n", done.stderr
    sums = (folder / "run" / "SHA256SUMS").read_text().split()
    assert sums[1::2] == ["result.json", "trace.parquet"]
    subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder / "run", check=True, timeout=60)
    assert [each.name for each in folder.iterdir()] == ["run"]
    noted = "fsync" in calls or "rename" in calls
    assert ("`llem verify` shows whether the bundle is whole" in done.stderr) == noted


def test_a_flush_that_finds_the_disk_full_is_no_formality(tmp_path: Path, refusing_fs: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    env = {**_refusing(refusing_fs, folder, fsync=ENOSPC), "LLEM_DATA_DIR": str(tmp_path / "data")}
    done = _write(folder, env)
    assert "No space left on device. It was kept in" in done.stdout
    assert (tmp_path / "data" / f"rescued-{os.geteuid()}" / "run" / "SHA256SUMS").exists()
    assert list(folder.iterdir()) == []


def test_a_run_on_a_file_system_that_refuses_everything_is_whole(
    tmp_path: Path, refusing_fs: Path, standin_env: dict[str, str]
) -> None:
    output = tmp_path / "out"
    refused = _refusing(refusing_fs, output, fsync=EINVAL, chmod=EPERM, flock=ENOTSUP, rename=ENOSYS)
    done = subprocess.run(
        llem(tmp_path, *quick_run(output)),
        env={**standin_env, **refused},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "does not confirm that files are on the disk (fsync: Invalid argument)" in done.stderr
    (bundle,) = bundles_in(tmp_path)
    warnings = json.loads((bundle / "result.json").read_text())["warnings"]
    told = [each["message"] for each in warnings if each["code"] == "output_not_durable"]
    assert [each.partition(" (")[2] for each in told] == [
        "fsync: Invalid argument).",
        "rename: Function not implemented).",
    ]
    assert {each.name for each in bundle.iterdir()} == {*layout.FILES, layout.CHECKSUMS} - {
        layout.SERVER_LOG,
        layout.SCHEDULE,
    }
    assert [each.name for each in (output / "single").iterdir()] == [bundle.name]


def _unwritable(tmp_path: Path) -> Path:
    (tmp_path / "file").write_text("in the way")
    return tmp_path / "file" / "out"


RESCUE = """
import os, sys
from pathlib import Path
from llenergymeasure.results import rescue
rescue.TEMPORARY = (Path(sys.argv[1]),)
if len(sys.argv) > 2:
    os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
folder = next(rescue.private_folders())
(folder / "kept").write_text("mine")
print(folder)
"""


@pytest.fixture
def public() -> Iterator[Path]:
    """A folder that every user can enter, which those of pytest are not."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_each_user_of_a_machine_has_a_rescue_folder(public: Path) -> None:
    """The data folder is that of the first user, as in a container image that sets LLEM_DATA_DIR for all."""
    shared, data = public / "tmp", public / "data"
    for folder in (shared, data):
        folder.mkdir()
        folder.chmod(0o1777)
    env = {**os.environ, "LLEM_DATA_DIR": str(data)}
    found = []
    for user in ("4001", "4002"):
        done = subprocess.run(
            [sys.executable, "-c", RESCUE, str(shared), user],
            env=env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        found.append(Path(done.stdout.strip()))
    assert [each.name for each in found] == ["rescued-4001", "rescued-4002"]
    assert [each.stat().st_uid for each in found] == [4001, 4002]
    assert all(each.stat().st_mode & 0o777 == 0o700 for each in found)


@pytest.mark.parametrize("taken", ["a link", "a file", "a folder of someone else"])
def test_a_rescue_folder_that_is_not_ours_is_not_used(tmp_path: Path, taken: str) -> None:
    shared = tmp_path / "tmp"
    shared.mkdir()
    name = shared / f"llenergymeasure-rescued-{os.geteuid()}"
    if taken == "a link":
        (tmp_path / "theirs").mkdir()
        name.symlink_to(tmp_path / "theirs")
    elif taken == "a file":
        name.write_text("")
    elif os.geteuid() == 0:
        name.mkdir()
        os.chown(name, 4001, 4001)
    else:
        pytest.skip("only root can make a folder of someone else")
    (tmp_path / "file").write_text("in the way")
    env = {**os.environ, "HOME": "/proc/nowhere", "LLEM_DATA_DIR": "/proc/nowhere"}
    env.pop("XDG_STATE_HOME", None)
    done = subprocess.run(
        [sys.executable, "-c", RESCUE, str(shared)],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    folder = Path(done.stdout.strip())
    assert folder.name.startswith(name.name + "-"), done.stderr
    assert folder.stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "theirs" / "kept").exists()


def test_a_bundle_is_kept_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llenergymeasure.results.rescue.TEMPORARY", (tmp_path,))
    for name in ("LLEM_DATA_DIR", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/proc/nowhere")
    with pytest.raises(Exception, match="It was kept in"):
        write_bundle(_unwritable(tmp_path), "run", {"a.txt": lambda path: path.write_text("a")})
    assert (tmp_path / f"llenergymeasure-rescued-{os.geteuid()}" / "run" / "a.txt").read_text() == "a"


def _in_folder(
    tmp_path: Path, env: dict[str, str], folder: bytes, *arguments: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        llem(tmp_path, *arguments),
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


@pytest.mark.parametrize("dry", [[], ["--dry-run"]], ids=["run", "dry run"])
def test_a_folder_whose_name_is_not_utf8_is_refused_in_words(
    tmp_path: Path, standin_env: dict[str, str], dry: list[str]
) -> None:
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    done = _in_folder(tmp_path, standin_env, folder, *quick_run(tmp_path / "out"), *dry)
    assert done.returncode == 3, done.stderr
    assert "the name of the current folder is not UTF-8" in done.stderr
    assert not (tmp_path / "out").exists()
    assert _in_folder(tmp_path, standin_env, folder, "doctor", "--json").returncode == 0


def test_a_link_that_leads_nowhere_is_named_before_anything_runs(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    (tmp_path / "link").symlink_to("/nowhere/deep")
    done = _in_folder(tmp_path, standin_env, os.fsencode(tmp_path), *quick_run(tmp_path / "link" / "out"))
    assert done.returncode == 3
    assert "link is a link to /nowhere/deep, which does not exist → name another folder" in done.stderr
    shown = _in_folder(tmp_path, standin_env, os.fsencode(tmp_path), "doctor", "--output", "link")
    assert "which does not exist" in shown.stdout


@pytest.mark.parametrize("command", ["run", "doctor"])
def test_a_current_folder_that_was_removed_is_told(
    tmp_path: Path, standin_env: dict[str, str], command: str
) -> None:
    arguments = quick_run(tmp_path / "out") if command == "run" else ["doctor"]
    script = f"mkdir gone && cd gone && rmdir ../gone && exec {shlex.join(llem(tmp_path, *arguments))}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path, env=standin_env, capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip
    assert done.returncode == (3 if command == "run" else 0), done.stderr
    assert "the current folder cannot be used: No such file or directory" in done.stderr + done.stdout
    assert not (tmp_path / "out").exists()


def test_a_run_needs_no_home_no_cache_and_no_temporary_folder(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    nowhere = {"HOME": "/proc/nowhere", "XDG_CACHE_HOME": "/proc/nowhere", "TMPDIR": "/proc/nowhere"}
    env = {name: value for name, value in standin_env.items() if not name.startswith("LLEM_")} | nowhere
    done = _in_folder(tmp_path, env, os.fsencode(tmp_path), *quick_run(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    assert len(bundles_in(tmp_path)) == 1
