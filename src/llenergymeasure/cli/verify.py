"""`llem verify`: check bundles against their checksums and their raw tables."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from llenergymeasure.cli.signals import interrupt_on_signals
from llenergymeasure.cli.streams import print_json
from llenergymeasure.exceptions import VerificationError


def verify(
    bundles: Annotated[
        list[str], typer.Argument(metavar="BUNDLE...", help="Bundles, or folders with bundles in them.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Check the checksums of bundles, and recompute every figure from the raw tables."""
    from llenergymeasure.api import verify as verify_bundles
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.format import plural
    from llenergymeasure.report.summary.verify import verification_document

    interrupt_on_signals()  # tables are unpacked into temporary folders
    report = verify_bundles(*bundles)
    if as_json:
        print_json(report.model_dump_json(indent=2))
    else:
        render(verification_document(report), sys.stdout)
    wrong = sum(not bundle.ok for bundle in report.bundles)
    if wrong:
        raise VerificationError(f"{wrong} of {plural(len(report.bundles), 'bundle')} failed verification")
