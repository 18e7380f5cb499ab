"""Packages with broken metadata beside ours: a run, doctor and plugins do without what they say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.standin_runs import bundles_in
from tests.support.typed import llem, quick_run

BROKEN: dict[str, dict[str, bytes | None]] = {
    "badutf": {"METADATA": b"Metadata-Version: 2.1\nName: badutf\nVersion: 1.0\nAuthor: Jos\xe9\n"},
    "nometadata": {},
    "noname": {"METADATA": b"Metadata-Version: 2.1\nVersion: 1.0\n"},
    "noversion": {"METADATA": b"Metadata-Version: 2.1\nName: noversion\n"},
    "empty": {"METADATA": b""},
    "folder": {"METADATA": None},
    "badpoints": {
        "METADATA": b"Metadata-Version: 2.1\nName: badpoints\nVersion: 1.0\n",
        "entry_points.txt": b"[llenergymeasure.backends]\nno value here\n= = =\n",
    },
    "binarypoints": {
        "METADATA": b"Metadata-Version: 2.1\nName: binarypoints\nVersion: 1.0\n",
        "entry_points.txt": b"[llenergymeasure.backends]\n\xff\xfe = x:y\n",
    },
    "badrecord": {
        "METADATA": b"Metadata-Version: 2.1\nName: badrecord\nVersion: 1.0\n",
        "RECORD": b"\xff\xfe\x00",
    },
}


def _break(site: Path, *names: str) -> None:
    for name in names:
        info = site / f"{name}-1.0.dist-info"
        info.mkdir()
        for file, content in BROKEN[name].items():
            if content is None:
                (info / file).mkdir()
            else:
                (info / file).write_bytes(content)


def _run(tmp_path: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        llem(tmp_path, *arguments),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_a_run_survives_every_broken_package(tmp_path: Path, standin_env: dict[str, str]) -> None:
    _break(tmp_path / "site", *BROKEN)
    done = _run(tmp_path, standin_env, *quick_run("out"))
    assert done.returncode == 0, done.stderr
    (bundle,) = bundles_in(tmp_path)
    snapshot = json.loads((bundle / "run.json").read_text())["snapshot"]
    assert snapshot["pip_freeze"] or snapshot["packages"]["numpy"]


@pytest.mark.parametrize(
    "names", [("badpoints",), ("binarypoints",), tuple(BROKEN)], ids=["points", "bytes", "all"]
)
def test_doctor_and_plugins_do_without_broken_packages(
    tmp_path: Path, standin_env: dict[str, str], names: tuple[str, ...]
) -> None:
    _break(tmp_path / "site", *names)
    done = _run(tmp_path, standin_env, "doctor", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {"pytorch", "standin"} <= {each["name"] for each in found["backends"]}
    assert found["packages"]["numpy"]


@pytest.mark.model
@pytest.mark.parametrize("name", ["badpoints", "binarypoints"])
def test_torch_is_imported_in_spite_of_a_package_whose_plugins_cannot_be_read(
    tmp_path: Path, standin_env: dict[str, str], tiny_llama: Path, name: str
) -> None:
    """torch looks for plugins of its own among those of all packages, and fails where one file is broken."""
    _break(tmp_path / "site", name)
    arguments = [
        "run",
        f"--model={tiny_llama}",
        "--device=cpu",
        "--set=energy.meters=none",
        "--set=workload.max_input_tokens=100",
        "--dry-run",
    ]
    done = _run(tmp_path, standin_env, *arguments)
    assert done.returncode == 0, done.stderr
    told = " ".join(done.stderr.split())
    place = f"{name}-1.0.dist-info/entry_points.txt is broken ("
    assert told.count(f"warning: package {name} cannot say which plugins it has: ") == 1
    assert place in told
    assert f"→ pip install --force-reinstall {name}, or remove " in told


FROM_A_PROGRAM = """
import sys
from llenergymeasure import ExperimentConfig
from llenergymeasure.orchestration.readiness.checks import check_backend_options
print(check_backend_options(ExperimentConfig(model=sys.argv[1], device="cpu")))
"""


@pytest.mark.model
def test_a_program_whose_torch_cannot_be_imported_is_told_of_the_package(
    tmp_path: Path, standin_env: dict[str, str], tiny_llama: Path
) -> None:
    _break(tmp_path / "site", "badpoints")
    done = subprocess.run(
        [sys.executable, "-c", FROM_A_PROGRAM, str(tiny_llama)],
        env={**standin_env, "PYDANTIC_DISABLE_PLUGINS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "package badpoints cannot say which plugins it has" in done.stdout
    assert "report it to the authors of the backend" not in done.stdout


SNAPSHOT = """
from llenergymeasure.core.packages import entry_points_of, installed_versions, version_of
from llenergymeasure.domain.environment import collect_environment_snapshot
versions = installed_versions()
assert versions["numpy"] and versions["llem-standin"] == "1.0", versions
assert version_of("badutf") in (None, "1.0") and version_of("noversion") is None
assert "standin" in {point.name for point in entry_points_of("llenergymeasure.backends")}
print(collect_environment_snapshot().model_dump_json())
"""


def test_the_snapshot_reads_all_packages_that_can_be_read(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    """Without pip, packages are listed from their metadata; a variable is not UTF-8."""
    _break(tmp_path / "site", *BROKEN)
    (tmp_path / "site" / "pip.py").write_text("raise SystemExit(1)")
    env = {**standin_env, "PYDANTIC_DISABLE_PLUGINS": "1", "LD_LIBRARY_PATH": os.fsdecode(b"/opt/\xe9")}
    done = subprocess.run(
        [sys.executable, "-c", SNAPSHOT], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    snapshot = json.loads(done.stdout)
    assert snapshot["packages"]["numpy"]
    assert snapshot["environment_variables"]["LD_LIBRARY_PATH"] == "/opt/\\udce9"
