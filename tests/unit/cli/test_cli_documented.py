"""Claims about the reference pages of the command line."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import typer

from llenergymeasure import exceptions
from llenergymeasure.cli.app import app
from llenergymeasure.cli.run import FLAGS
from llenergymeasure.config.defaults import CONFIG_VERSION, DEFAULTS
from llenergymeasure.exceptions import LLEMError

COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_every_error_is_listed_with_its_exit_code() -> None:
    page = (REFERENCE / "exit-codes.md").read_text(encoding="utf-8")
    classes = [
        each for _, each in inspect.getmembers(exceptions, inspect.isclass) if issubclass(each, LLEMError)
    ]
    missing = [each for each in classes if f"| {each.exit_code} | `{each.__name__}` |" not in page]
    assert missing == []


def test_every_command_is_listed() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    commands = [
        command.name or command.callback.__name__ for command in app.registered_commands if command.callback
    ]
    assert {"run", "show", "doctor", "schema"} <= set(commands)
    assert [name for name in commands if f"| `llem {name}" not in page] == []


def test_every_option_is_described() -> None:
    page = (REFERENCE / "cli.md").read_text(encoding="utf-8")
    options = {option for command in COMMANDS.values() for param in command.params for option in param.opts}
    assert {"--strict", "-o", "--psu-efficiency"} <= options
    assert [each for each in sorted(options) if each.startswith("-") and each not in page] == []


def test_the_help_of_a_flag_states_the_default_of_its_field() -> None:
    helps = {
        option: getattr(param, "help", None) or ""
        for param in COMMANDS["run"].params
        for option in param.opts
    }
    stated = {flag: re.search(r"(\S+) by default", helps[flag]) for flag in FLAGS}
    found = {flag: match.group(1) for flag, match in stated.items() if match}
    assert len(found) > 3
    assert found == {flag: str(DEFAULTS[CONFIG_VERSION][".".join(FLAGS[flag])]) for flag in found}
