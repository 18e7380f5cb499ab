"""`llem compare`: results side by side, and what differs between them."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from llenergymeasure.cli.show import OutputFormat
from llenergymeasure.cli.streams import print_json


def compare(
    bundles: Annotated[
        list[str], typer.Argument(metavar="BUNDLE...", help="Two or more bundles, or files in them.")
    ],
    output_format: OutputFormat = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print results side by side, and what differs between them in what was asked for and how it was served."""
    from llenergymeasure.api import compare as compare_results
    from llenergymeasure.api import load_result
    from llenergymeasure.exceptions import ConfigError

    if len(bundles) < 2:
        raise ConfigError("one result has nothing to be compared with: name two bundles or more")
    results = [load_result(each) for each in bundles]
    comparison = compare_results(*results)
    if as_json:
        print_json(comparison.model_dump_json(indent=2))
        return
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.comparison import comparison_document

    render(comparison_document(results, comparison), sys.stdout, output_format)
