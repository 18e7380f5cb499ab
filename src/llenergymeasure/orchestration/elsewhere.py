"""Pre-flight and diagnosis as another interpreter sees the machine: the same commands, run there."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

from llenergymeasure.config.loader import dump_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.diagnosis import Diagnosis
from llenergymeasure.exceptions import ConfigError, LLEMError, PreFlightError
from llenergymeasure.launchers.interpreter import require_interpreter, run_command_there


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
        return [str(each) for each in json.loads(answer.stdout)["preflight"]["problems"]]
    except (ValueError, KeyError, TypeError):
        raise _no_answer(python, answer) from None


def diagnose_in(python: str, output_dir: Path) -> Diagnosis:
    """Look at the machine from another interpreter.

    Raises:
        PreFlightError: the interpreter cannot be used.
        LLEMError: it gives no answer.
    """
    require_interpreter(python)
    answer = run_command_there(python, "doctor", "--json", "--output", str(output_dir))
    try:
        return Diagnosis.model_validate(json.loads(answer.stdout))
    except ValueError:
        raise _no_answer(python, answer) from None


def _no_answer(python: str, answer: subprocess.CompletedProcess[str]) -> LLEMError:
    last = (answer.stderr.strip().splitlines() or ["no output"])[-1]
    return LLEMError(
        f"interpreter {python} could not look at the machine (exit code {answer.returncode}): {last}"
    )
