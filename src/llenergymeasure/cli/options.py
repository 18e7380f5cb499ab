"""The options of `llem run`, with their help and what the shell may complete them with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from llenergymeasure.exceptions import ConfigError


def _complete_backend(incomplete: str) -> list[str]:
    from llenergymeasure.plugins import names

    return [name for name in names("backends") if name.startswith(incomplete)]


def _complete_device(incomplete: str) -> list[str]:
    return [name for name in ("cuda", "cpu") if name.startswith(incomplete)]


def _complete_precision(incomplete: str) -> list[str]:
    return [name for name in ("fp32", "fp16", "bf16") if name.startswith(incomplete)]


def path_of(text: str, what: str) -> Path:
    """Return a path as it was typed.

    Raises:
        ConfigError: it is empty, which would stand for the present folder.
    """
    if not text:
        raise ConfigError(f"{what}: the path is empty, perhaps because a variable was not set")
    return Path(text)


Config = Annotated[
    str | None,
    typer.Argument(metavar="CONFIG.yaml", help="The experiment, as a YAML file.", show_default=False),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="NAME", help="Hub id, local folder, .gguf file, or package:NAME."),
]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        metavar="NAME",
        help="Inference software; pytorch by default.",
        autocompletion=_complete_backend,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="cuda|cpu",
        help="Where the model runs; cuda by default.",
        autocompletion=_complete_device,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="fp32|fp16|bf16",
        help="Data type of weights and arithmetic; bf16 by default.",
        autocompletion=_complete_precision,
    ),
]
NPrompts = Annotated[
    int | None,
    typer.Option(
        "-n", "--n-prompts", metavar="N", help="Prompts in one pass of the workload; 100 by default."
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output", "-o", metavar="DIR", help="Folder under which bundles are written; results by default."
    ),
]
Python = Annotated[
    str | None,
    typer.Option(
        "--python",
        metavar="PATH",
        help="Interpreter of the process that measures; llenergymeasure must be installed there.",
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Set any field by its dotted name, e.g. pytorch.batch_size=4; repeatable.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Print the resolved configuration and the pre-flight outcome; run nothing."
    ),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict",
        help="Exit with 8 if the verdict on the result is invalid.",
    ),
]
RequireQuiet = Annotated[
    bool,
    typer.Option(
        "--require-quiet",
        help="Refuse to load the model while other processes use the machine.",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print exactly one JSON document, the result, on standard output.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
