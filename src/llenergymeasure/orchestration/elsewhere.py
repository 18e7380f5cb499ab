"""Pre-flight and diagnosis as another interpreter sees the machine: the same commands, run there."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from llenergymeasure.config.loader import dump_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.reports.diagnosis import Diagnosis
from llenergymeasure.exceptions import ConfigError, PreFlightError
from llenergymeasure.launchers.interpreter import last_words, require_interpreter, run_command_there


def preflight_in(python: str, config: ExperimentConfig) -> None:
    """Run pre-flight in another interpreter.

    Raises:
        PreFlightError: the interpreter cannot be used, or the machine is not ready; with every problem.
    """
    require_interpreter(python)
    here = config.model_copy(update={"launcher": config.launcher.model_copy(update={"python": None})})
    with tempfile.TemporaryDirectory(prefix="llem-check-") as folder:
        file = Path(folder) / "experiment.yaml"
        file.write_text(dump_config(here), encoding="utf-8")
        answer = run_command_there(python, "run", str(file), "--dry-run", "--json")
    if answer.returncode == 0:
        return
    if answer.returncode == PreFlightError.exit_code:
        raise PreFlightError.listing(_problems(python, answer))
    if answer.returncode == ConfigError.exit_code:  # an older release knows fewer fields
        raise PreFlightError(answer.stderr.strip().rpartition("error: ")[2])
    raise _no_answer(python, answer)


def _problems(python: str, answer: subprocess.CompletedProcess[str]) -> list[str]:
    try:
        problems = json.loads(answer.stdout)["preflight"]["problems"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise _no_answer(python, answer) from None
    if not problems or not isinstance(problems, list) or not all(isinstance(each, str) for each in problems):
        raise _no_answer(python, answer)
    return problems


def diagnose_in(python: str, output_dir: Path) -> Diagnosis:
    """Look at the machine from another interpreter.

    Raises:
        PreFlightError: the interpreter cannot be used, or gives no answer.
    """
    require_interpreter(python)
    answer = run_command_there(python, "doctor", "--json", "--output", str(output_dir))
    try:
        return Diagnosis.model_validate(json.loads(answer.stdout))
    except (ValueError, RecursionError):
        raise _no_answer(python, answer) from None


def _no_answer(python: str, answer: subprocess.CompletedProcess[str]) -> PreFlightError:
    return PreFlightError(
        f"interpreter {python} does not answer as llem does (exit code {answer.returncode}, {last_words(answer)}) → "
        "install the same release of llenergymeasure there, or correct launcher.python"
    )
