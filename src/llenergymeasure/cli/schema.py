"""`llem schema`: the configuration, or the result, as JSON Schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from llenergymeasure.cli.streams import print_json
from llenergymeasure.exceptions import ConfigError


def schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there instead of printing it."),
    ] = None,
    result: Annotated[
        bool, typer.Option("--result", help="The schema of result.json instead of that of configurations.")
    ] = False,
) -> None:
    """Print the JSON Schema of configuration files, for editors, or of results, for programs that read them."""
    text = json.dumps(_schema(result), indent=2) + "\n"
    if output is None:
        print_json(text)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{output} cannot be written: {error.strerror or error}") from None


def _schema(result: bool) -> dict[str, Any]:
    if result:
        from llenergymeasure.report.result_schema import result_schema

        return result_schema()
    from llenergymeasure.config.schema import config_schema

    return config_schema()
