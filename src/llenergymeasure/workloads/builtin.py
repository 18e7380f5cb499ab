"""The `builtin` workload: prompts that come with the package."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path
from typing import ClassVar

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.workloads.lines import distinct_prompts, repeated

FIELD = "prompt"


class BuiltinWorkload:
    """Questions, summaries, code, chat, reasoning and more, in many languages; any first n of them are a mix.

    The seed has no effect: every experiment has the same prompts in the same order.
    """

    name: ClassVar[str] = "builtin"

    def check(self, config: WorkloadConfig) -> str | None:
        if config.prompt_field != FIELD:
            return (
                f"workload.prompt_field '{config.prompt_field}' belongs to a JSONL file; "
                "remove it, or name the file in workload.dataset"
            )
        return None

    def file(self, config: WorkloadConfig) -> Path | None:
        """Return the file that is read; None where the package is no folder of files."""
        path = Path(__file__).parent / "data" / "prompts.jsonl"
        return path if path.is_file() else None

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        with as_file(files("llenergymeasure.workloads") / "data" / "prompts.jsonl") as path:
            return repeated(list(distinct_prompts(path, FIELD, config)), config.n_prompts)
