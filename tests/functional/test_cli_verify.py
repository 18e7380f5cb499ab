"""`llem verify` as it is typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundles import NAME, read_json, refresh_sums, write_json, write_run


def _verify(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llenergymeasure", "verify", *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Return a folder with one honest bundle and one with a figure that was made nicer."""
    write_run(tmp_path / "results" / "honest")
    tampered = write_run(tmp_path / "results" / "tampered")
    document = read_json(tampered)
    document["energy_per_output_token_j"] *= 0.5
    write_json(tampered, document)
    refresh_sums(tampered)
    return tmp_path


def test_bundle_that_holds_exits_with_zero(results: Path) -> None:
    done = _verify(f"results/honest/{NAME}", cwd=results)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == f"ok       results/honest/{NAME}"
    assert "that the checksums alone cover" in done.stdout


def test_bundle_that_a_run_has_just_written_holds(tmp_path: Path, standin_env: dict[str, str]) -> None:
    run = ["run", "--model=any", "--backend=standin", "--device=cpu", "-n4", f"--output={tmp_path / 'out'}"]
    settings = [
        "workload.dataset=synthetic",
        "workload.input_tokens=5",
        "energy.meters=estimate",
        "standin={token_s: 0.005}",
        "measurement={baseline: {idle_s: 0.3, loaded_s: 0.3}, window: {min_duration_s: 0.4}, repeats: {min: 3, max: 3},"
        " warmup: {min_requests: 20, min_duration_s: 0, max_duration_s: 1}}",
    ]
    command = [sys.executable, "-m", "llenergymeasure", *run, *(f"--set={each}" for each in settings)]
    subprocess.run(command, env=standin_env, cwd=tmp_path, capture_output=True, timeout=90, check=True)
    done = _verify("out", cwd=tmp_path, env=standin_env)
    assert done.returncode == 0, done.stdout
    assert "·" not in done.stdout


def test_a_bundle_is_verified_where_the_plugin_that_measured_it_is_not_installed(results: Path) -> None:
    done = _verify(f"results/honest/{NAME}", cwd=results)
    assert done.returncode == 0, done.stdout
    assert "options of standin and config_hash were not checked" in done.stdout


def test_study_folder_is_searched_and_the_tampered_bundle_named(results: Path) -> None:
    done = _verify("results", cwd=results)
    assert done.returncode == 9
    assert f"differs  results/tampered/{NAME}" in done.stdout
    assert "result.json: energy_per_output_token_j: stored " in done.stdout
    assert "2 bundles: 1 ok, 1 differ" in done.stdout
    assert done.stderr == "error: 1 of 2 bundles failed verification\n"


def test_json_is_one_document_with_stored_and_recomputed(results: Path) -> None:
    done = _verify("results/tampered", "results/honest", "--json", cwd=results)
    assert done.returncode == 9
    document = json.loads(done.stdout)
    assert document["ok"] is False
    assert [bundle["ok"] for bundle in document["bundles"]] == [False, True]
    (finding,) = document["bundles"][0]["findings"]
    assert finding["field"] == "energy_per_output_token_j"
    assert finding["stored"] * 2 == pytest.approx(finding["recomputed"])


@pytest.mark.parametrize("arguments", [["nowhere"], ["empty"], ["nowhere", "results/honest"]])
def test_path_without_a_bundle_fails_and_leaves_no_traceback(results: Path, arguments: list[str]) -> None:
    (results / "empty").mkdir()
    done = _verify(*arguments, cwd=results)
    assert done.returncode == 9
    assert ("does not exist" if arguments[0] == "nowhere" else "there is no bundle here") in done.stdout
    assert "missing  " in done.stdout
    assert "Traceback" not in done.stderr


def test_ruined_bundle_is_told_file_by_file_without_a_traceback(results: Path) -> None:
    bundle = results / "results" / "honest" / NAME
    for file in bundle.iterdir():
        file.write_bytes(os.urandom(200))
    done = _verify(str(bundle), cwd=results)
    assert done.returncode == 9
    assert "Traceback" not in done.stderr + done.stdout
    for name in ("config.yaml", "phases.parquet", "requests.parquet", "result.json", "trace.parquet"):
        assert f"✗ {name}: " in done.stdout


def test_nothing_to_verify_is_a_fault_of_the_command(tmp_path: Path) -> None:
    done = _verify(cwd=tmp_path)
    assert done.returncode == 2
    assert "BUNDLE" in done.stderr
