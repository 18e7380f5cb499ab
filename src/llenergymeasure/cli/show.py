"""`llem show`: print a result again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def show(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of a bundle, or its result.json.")],
    uncertainty: Annotated[
        bool,
        typer.Option("--uncertainty", help="Print where the doubt about each energy comes from instead."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Print the result in a bundle, or what an interrupted run left."""
    from llenergymeasure.report.summary.interrupted import (
        interrupted_run_json,
        is_interrupted,
        print_interrupted_run,
        read_interrupted_run,
    )

    if not is_interrupted(bundle):
        if uncertainty and not as_json:
            print_budgets(bundle)
        else:
            print_bundle(bundle, as_json)
        return
    remains = read_interrupted_run(bundle)
    if as_json:
        print(json.dumps(interrupted_run_json(remains), indent=2))
    else:
        print_interrupted_run(remains, sys.stdout)


def print_bundle(bundle: Path, as_json: bool) -> None:
    """Print the result of a bundle as a summary, or as its JSON document."""
    from llenergymeasure.api import load_result

    result = load_result(bundle)
    if as_json:
        from llenergymeasure.results.bundle import result_json

        print(result_json(result), end="")
        return
    from llenergymeasure.report.renderers.console import print_result

    print_result(result, bundle, sys.stdout)


def print_budgets(bundle: Path) -> None:
    """Print the uncertainty budgets of the result in a bundle."""
    from llenergymeasure.api import load_result
    from llenergymeasure.report.summary.uncertainty import print_uncertainty

    print_uncertainty(load_result(bundle), sys.stdout)
