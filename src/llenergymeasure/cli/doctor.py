"""`llem doctor`: what this machine can measure, and how to fix what is missing."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from llenergymeasure.cli import options
from llenergymeasure.cli.signals import interrupt_on_signals
from llenergymeasure.cli.streams import print_json


def doctor(
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="DIR", help="Folder in which bundles would be written.")
    ] = "results",
    python: options.Python = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Look at meters, GPUs, backends and disk, with a remedy for each."""
    from llenergymeasure.api import diagnose

    interrupt_on_signals()
    if python is not None:
        options.path_of(python, "--python")
    diagnosis = diagnose(options.path_of(output, "--output"), python=python)
    if as_json:
        print_json(diagnosis.model_dump_json(indent=2))
        return
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.doctor import diagnosis_document

    render(diagnosis_document(diagnosis), sys.stdout)
