"""`llem run`: measure one experiment."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llenergymeasure.cli import options
from llenergymeasure.cli.signals import interrupt_on_signals, leave_on_signals, stop_in_order
from llenergymeasure.cli.streams import is_read, print_json
from llenergymeasure.exceptions import ConfigError, PreFlightError

if TYPE_CHECKING:
    from llenergymeasure.config.models import ExperimentConfig

FLAGS: dict[str, tuple[str, ...]] = {
    "--model": ("model",),
    "--backend": ("backend",),
    "--device": ("device",),
    "--precision": ("precision",),
    "--n-prompts": ("workload", "n_prompts"),
    "--output": ("output_dir",),
    "--python": ("launcher", "python"),
    "--strict": ("measurement", "strict"),
    "--require-quiet": ("measurement", "require_quiet"),
}
"""The field that each short flag sets."""


def run(
    config: options.Config = None,
    model: options.Model = None,
    backend: options.Backend = None,
    device: options.Device = None,
    precision: options.Precision = None,
    n_prompts: options.NPrompts = None,
    output: options.Output = None,
    python: options.Python = None,
    assignments: options.Assignments = None,
    dry_run: options.DryRun = False,
    as_json: options.AsJson = False,
    quiet: options.Quiet = False,
    strict: options.Strict = False,
    require_quiet: options.RequireQuiet = False,
) -> None:
    """Measure one experiment.

    Later wins: CONFIG.yaml, then flags, then --set.
    """
    given = (model, backend, device, precision, n_prompts, output, python)
    flags = dict(zip(FLAGS, (*given, strict or None, require_quiet or None), strict=True))
    path = None if config is None else options.path_of(config, "CONFIG.yaml")
    resolved = _load(path, flags, assignments or [])
    if dry_run:
        interrupt_on_signals()
        _print_dry_run(resolved, as_json)
        return
    from llenergymeasure.api import refuse_invalid

    bundle = _measure(resolved, quiet)
    leave_on_signals(f"interrupted; the result is in {bundle}")
    _print_outcome(bundle, as_json)
    refuse_invalid(resolved, bundle)


def _load(path: Path | None, flags: dict[str, Any], assignments: list[str]) -> ExperimentConfig:
    from llenergymeasure.config.assignments import deep_merge, parse_assignment, parse_assignments
    from llenergymeasure.config.loader import load_config

    if path is not None and not os.path.exists(path) and path.suffix not in (".yaml", ".yml"):
        raise ConfigError(f"{path} is no file; to measure a model of that name: llem run --model {path}")
    overrides: dict[str, Any] = {}
    origins: dict[tuple[str, ...], str] = {}
    for flag, value in flags.items():
        if value is not None:
            overrides = deep_merge(overrides, _nested(FLAGS[flag], value))
            origins[FLAGS[flag]] = flag
    for assignment in assignments:
        key, _ = parse_assignment(assignment)
        origins[key] = f"--set {'.'.join(key)}"
    return load_config(path, deep_merge(overrides, parse_assignments(assignments)), origins=origins)


def _nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    for key in reversed(path):
        value = {key: value}
    nested: dict[str, Any] = value
    return nested


def _measure(config: ExperimentConfig, quiet: bool) -> Path:
    from llenergymeasure.api import run_to_bundle
    from llenergymeasure.cli.progress import watch

    stop_in_order()
    with watch(config, sys.stderr, quiet=quiet) as on_event:
        return run_to_bundle(config, on_event)


def _print_outcome(bundle: Path, as_json: bool) -> None:
    """Print the figures, and the warnings on standard error; the place of the bundle is told in any case."""
    told = False
    try:
        _print_figures(bundle, as_json)
        told = is_read() and not as_json
    finally:
        if not told:
            print(f"Bundle: {bundle}", file=sys.stderr)
    _print_warnings(bundle)


def _print_figures(bundle: Path, as_json: bool) -> None:
    from llenergymeasure.api import load_result
    from llenergymeasure.cli.show import print_bundle
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.result import figures_document

    if as_json:
        print_bundle(bundle, as_json)
    else:
        render(figures_document(load_result(bundle), bundle), sys.stdout)


def _print_warnings(bundle: Path) -> None:
    from llenergymeasure.api import load_result
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.document import Document
    from llenergymeasure.report.summary.result import warning_blocks

    blocks = warning_blocks(load_result(bundle))
    if blocks:
        with suppress(OSError):  # standard error may be closed; the result has them too
            render(Document(blocks=blocks), sys.stderr)


def _print_dry_run(config: ExperimentConfig, as_json: bool) -> None:
    """Print configuration and pre-flight outcome; as YAML the outcome is a comment, so that it can be run as it is."""
    from llenergymeasure.api import check
    from llenergymeasure.config.loader import dump_config
    from llenergymeasure.config.redact import redacted

    failure: PreFlightError | None = None
    try:
        check(config)
    except PreFlightError as error:
        failure = error
    shown = redacted(config)
    outcome = "Pre-flight passed: this machine is ready." if failure is None else str(failure)
    if as_json:
        problems = [line.removeprefix("  ✗ ") for line in outcome.splitlines()[1:]]
        preflight = {"passed": failure is None, "problems": problems}
        print_json(json.dumps({"config": shown.model_dump(mode="json"), "preflight": preflight}, indent=2))
    else:
        comment = "".join(f"# {line}\n" for line in outcome.splitlines())
        print(f"{dump_config(shown)}\n{comment}", end="")
    if failure is not None:
        if as_json or not sys.stdout.isatty():
            raise failure
        raise SystemExit(failure.exit_code)
