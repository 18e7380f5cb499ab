"""The `trace` workload: prompts and answers as long as those of a trace."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.jsonl import existing_file
from llenergymeasure.workloads.options import TraceOptions
from llenergymeasure.workloads.synthetic import first_token_seed
from llenergymeasure.workloads.traces.read import read_trace_file
from llenergymeasure.workloads.traces.row import TraceRow


class TraceWorkload:
    """The lengths of the first `n_prompts` requests; the backend draws the tokens, so no two prompts begin alike."""

    name: ClassVar[str] = "trace"

    def check(self, config: WorkloadConfig) -> str | None:
        try:
            self.prompts(config, seed=0)
        except ConfigError as error:
            return str(error)
        return None

    def file(self, config: WorkloadConfig) -> Path:
        """Return the file that is read."""
        return existing_file(config.options(TraceOptions).trace, what="trace")

    def prompts(self, config: WorkloadConfig, seed: int) -> list[Prompt]:
        options = config.options(TraceOptions)
        rows = read_trace_file(options.trace, options.trace_format, most=config.n_prompts)
        first = first_token_seed(seed)
        return [_prompt(config, row, number, first + number) for number, row in enumerate(rows)]


def _prompt(config: WorkloadConfig, row: TraceRow, number: int, token_seed: int) -> Prompt:
    name, options = f"trace-{number + 1}", config.options(TraceOptions)
    for tokens, limit in (
        (row.input_tokens, "max_input_tokens"),
        (row.output_tokens, "max_output_tokens"),
    ):
        most = getattr(config, limit)
        if tokens is None:
            raise ConfigError(f"trace {options.trace}: request {number + 1} does not say how long it was")
        if tokens > most:
            raise ConfigError(
                f"trace {options.trace}: request {number + 1} has {tokens} tokens, over workload.{limit} ({most}): "
                "raise it, or cut the trace"
            )
    return Prompt(
        prompt_id=name,
        n_tokens=row.input_tokens,
        token_seed=token_seed,
        max_output_tokens=row.output_tokens,
        session=row.session,
    )
