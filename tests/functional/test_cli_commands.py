"""The command line as it is typed, in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure import __version__
from llenergymeasure.config.loader import load_config
from llenergymeasure.results import layout

QUICK = [
    "--model=any",
    "--backend=standin",
    "--device=cpu",
    "-n4",
    "--output=out",
    "--set=workload.dataset=synthetic",
    "--set=workload.input_tokens=5",
    "--set=energy.meters=estimate",
    "--set=measurement={baseline: {idle_s: 0.3, loaded_s: 0}, window: {min_duration_s: 0.5}, repeats: {min: 3, max: 3},"
    " warmup: {min_requests: 1, min_duration_s: 0, max_duration_s: null}}",
    "--set=standin={token_s: 0.005}",
]


def llem(
    *arguments: str, cwd: Path, env: dict[str, str] | None = None, timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run the command line in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "llenergymeasure", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


def test_the_version_is_answered_without_importing_anything_heavy(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['llem', '--version']\n"
        "from llenergymeasure.cli.main import main\nmain()\n"
        "print(*sorted({'typer', 'rich', 'pydantic', 'yaml', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout == f"llem {__version__}\n\n"


def test_help_lists_the_commands_without_importing_what_only_they_need(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['llem', '--help']\n"
        "from llenergymeasure.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit as leaving:\n    assert leaving.code == 0\n"
        "print('imported:', *sorted({'rich', 'pydantic', 'yaml', 'numpy', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert all(f"\n  {name} " in done.stdout for name in ("run", "show", "doctor", "schema"))
    assert "--install-completion" in done.stdout
    assert done.stdout.endswith("imported:\n")


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("llem run --backend ", {"pytorch"}),
        ("llem run --device c", {"cuda", "cpu"}),
        ("llem run --precision f", {"fp32", "fp16"}),
        ("llem ", {"run", "show", "doctor", "schema"}),
    ],
)
def test_the_shell_completes_commands_and_options(tmp_path: Path, typed: str, offered: set[str]) -> None:
    env = {
        **os.environ,
        "_LLEM_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    done = llem(cwd=tmp_path, env=env)
    assert offered <= set(done.stdout.split()), done.stderr


def test_json_puts_exactly_one_document_on_standard_output(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = llem("run", "--json", *QUICK, cwd=tmp_path, env=standin_env)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    (bundle,) = (tmp_path / "out").glob("*/*")
    assert Path(result["bundle"]).samefile(bundle)
    assert result == {**_stored(bundle), "bundle": result["bundle"]}
    assert list(result)[:3] == ["bundle", "schema_version", "experiment_id"]
    assert "window 3 of 3" in done.stderr
    assert f"Bundle: {bundle.relative_to(tmp_path)}" in done.stderr
    _show_repeats_what_run_printed(bundle, tmp_path)
    _config_repeats_the_experiment(bundle, result["config"])


def _show_repeats_what_run_printed(bundle: Path, cwd: Path) -> None:
    text = llem("show", str(bundle), cwd=cwd).stdout
    assert "estimated" in text
    assert text.endswith(f"Bundle: {bundle}\n")
    shown = json.loads(llem("show", "--json", str(bundle / layout.RESULT), cwd=cwd).stdout)
    assert shown == {**_stored(bundle), "bundle": shown["bundle"]}
    budgets = llem("show", "--uncertainty", str(bundle), cwd=cwd).stdout
    assert "The widest term is " in budgets
    assert "To halve it: " in budgets


def _stored(bundle: Path) -> dict[str, Any]:
    stored: dict[str, Any] = json.loads((bundle / layout.RESULT).read_text())
    return stored


def _config_repeats_the_experiment(bundle: Path, config: dict[str, object]) -> None:
    assert load_config(bundle / layout.CONFIG).model_dump(mode="json") == config


def test_a_run_ends_in_order_when_nobody_reads_its_progress(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    command = [sys.executable, "-m", "llenergymeasure", "run", *QUICK]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=standin_env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.readline()
    process.stderr.close()
    assert "Bundle: " in process.stdout.read()
    assert process.wait(timeout=90) == 0


def test_an_interrupt_keeps_what_there_is_also_when_nobody_reads(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    long = "--set=measurement.window.min_duration_s=60"
    command = [sys.executable, "-m", "llenergymeasure", "run", *QUICK, long]
    process = subprocess.Popen(command, cwd=tmp_path, env=standin_env, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "window 1" not in process.stderr.readline():
        assert process.poll() is None
    process.stderr.close()
    process.terminate()
    assert process.wait(timeout=90) == 130
    (kept,) = (tmp_path / "out").glob("*/*.interrupted")
    assert "warmup" in llem("show", str(kept), cwd=tmp_path).stdout


def test_a_dry_run_prints_what_would_run_and_runs_nothing(
    tmp_path: Path, standin_env: dict[str, str]
) -> None:
    done = llem("run", "--dry-run", *QUICK, cwd=tmp_path, env=standin_env)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["workload"]["n_prompts"] == 4
    assert done.stdout.endswith("# Pre-flight passed: this machine is ready.\n")
    assert not (tmp_path / "out").exists()


def test_a_dry_run_of_what_cannot_run_lists_every_problem(tmp_path: Path) -> None:
    arguments = [
        "--dry-run",
        "--model=./nowhere",
        "--backend=vllm",
        "--device=cpu",
        "--set=workload.dataset=no.jsonl",
    ]
    plain = llem("run", *arguments, cwd=tmp_path)
    assert plain.returncode == 3
    assert yaml.safe_load(plain.stdout)["model"] == "./nowhere"
    document = llem("run", "--json", *arguments, cwd=tmp_path)
    assert document.returncode == 3
    preflight = json.loads(document.stdout)["preflight"]
    assert preflight["passed"] is False
    for words in ("nowhere", "vllm not installed", "no.jsonl"):
        assert any(words in problem for problem in preflight["problems"])
        assert words in plain.stdout
        assert words in plain.stderr
    assert "Traceback" not in plain.stderr + document.stderr
    assert list(tmp_path.iterdir()) == []


def test_doctor_looks_at_everything_and_leaves_nothing(tmp_path: Path) -> None:
    done = llem("doctor", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for heading in ("Meters", "GPUs", "Backends", "Machine", "Results", "Versions"):
        assert f"\n{heading}\n" in f"\n{done.stdout}"
    document = json.loads(llem("doctor", "--json", cwd=tmp_path).stdout)
    assert {"nvml", "rapl", "estimate"} <= {meter["name"] for meter in document["meters"]}
    assert all(meter["available"] or meter["reason"] for meter in document["meters"])
    assert list(tmp_path.iterdir()) == []


def test_schema_goes_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    printed = llem("schema", cwd=tmp_path).stdout
    assert llem("schema", "--output", "schema.json", cwd=tmp_path).stdout == ""
    assert json.loads((tmp_path / "schema.json").read_text()) == json.loads(printed)
    of_result = json.loads(llem("schema", "--result", cwd=tmp_path).stdout)
    assert "total_energy_j" in of_result["properties"]


def test_a_reader_who_leaves_early_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m llenergymeasure schema | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, cwd=tmp_path
    )
    assert (done.returncode, done.stderr) == (0, "")
