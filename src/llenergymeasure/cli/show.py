"""`llem show`: print a result again."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llenergymeasure.cli.streams import print_json
from llenergymeasure.exceptions import ExperimentError

if TYPE_CHECKING:
    from llenergymeasure.results.opening import Bundle


def _complete_format(incomplete: str) -> list[str]:
    from llenergymeasure.report.render import RENDERERS

    return [name for name in sorted(RENDERERS) if name.startswith(incomplete)]


BundlePath = Annotated[str, typer.Argument(metavar="BUNDLE", help="Folder of a bundle, or a file in it.")]
Uncertainty = Annotated[
    bool,
    typer.Option(
        "--uncertainty",
        help="Print the uncertainty budgets of energies and mean power: what each interval is made of.",
    ),
]
Latency = Annotated[
    bool,
    typer.Option("--latency", help="Print mean, percentiles and maximum of each latency, with intervals."),
]
Energy = Annotated[
    bool,
    typer.Option("--energy", help="Print power over time, prefill and decode, and every view of the energy."),
]
Work = Annotated[
    bool, typer.Option("--work", help="Print FLOPs and bytes by phase, what bounds each phase, and memory.")
]
Requests = Annotated[
    bool,
    typer.Option("--requests", help="Print where the energy went: requests, idle, overhead; the costliest."),
]
Load = Annotated[
    bool,
    typer.Option("--load", help="Print objectives, goodput, steady parts, and the curve over several loads."),
]
Prices = Annotated[bool, typer.Option("--prices", help="Print what one more token, request and step costs.")]
OutputFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Format of the output: console on a terminal, else plain, if not given.",
        autocompletion=_complete_format,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def show(
    bundle: BundlePath,
    uncertainty: Uncertainty = False,
    latency: Latency = False,
    load: Load = False,
    energy: Energy = False,
    work: Work = False,
    requests: Requests = False,
    prices: Prices = False,
    output_format: OutputFormat = None,
    as_json: AsJson = False,
) -> None:
    """Print the result in a bundle, or what an interrupted run left."""
    from llenergymeasure.api import open_bundle
    from llenergymeasure.results.opening import folder_of

    opened = open_bundle(bundle)
    asked = {
        "latency": latency,
        "load": load,
        "energy": energy,
        "work": work,
        "requests": requests,
        "prices": prices,
        "uncertainty": uncertainty,
    }
    views = [name for name, is_asked in asked.items() if is_asked]
    if opened.is_interrupted and views:
        options = ", ".join(f"--{name}" for name in views)
        raise ExperimentError(
            f"{bundle} is of an interrupted run, which has no result for {options} to open: "
            "`llem show` without these options prints what the run left"
        )
    if opened.is_interrupted:
        print_interrupted(opened, as_json, output_format)
    elif views:
        print_views(opened, views, as_json, output_format)
    else:
        print_bundle(folder_of(bundle), as_json, output_format)


def print_interrupted(bundle: Bundle, as_json: bool, output_format: str | None = None) -> None:
    """Print what an interrupted run left, as a document or as JSON."""
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.interrupted import (
        interrupted_document,
        interrupted_run_json,
        read_interrupted_run,
    )

    run = read_interrupted_run(bundle)
    if as_json:
        print_json(json.dumps(interrupted_run_json(run), indent=2))
    else:
        render(interrupted_document(run), sys.stdout, output_format)


def print_bundle(bundle: Path, as_json: bool, output_format: str | None = None) -> None:
    """Print the result of a bundle as a summary, or as its JSON document."""
    from llenergymeasure.api import load_result

    result = load_result(bundle)
    if as_json:
        from llenergymeasure.results.bundle import result_json

        print_json(result_json(result))
        return
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.result import result_document

    render(result_document(result, bundle), sys.stdout, output_format)


def print_views(
    bundle: Bundle, views: Sequence[str], as_json: bool, output_format: str | None = None
) -> None:
    """Print views of a result, or their content as one JSON document."""
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.views.document import views_document, views_json

    if as_json:
        print_json(json.dumps(views_json(bundle, views), indent=2, ensure_ascii=False))
    else:
        render(views_document(bundle, views), sys.stdout, output_format)
