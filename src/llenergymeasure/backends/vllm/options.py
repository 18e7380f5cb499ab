"""Options of the vLLM backend."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from llenergymeasure.config.base import Section
from llenergymeasure.config.plain import not_plain


class VLLMConfig(Section):
    """The `vllm:` section; every option is handed to vLLM, which knows its names, or refused."""

    engine: dict[str, Any] = Field(default_factory=dict)
    """Arguments of the engine by their names in vLLM's AsyncEngineArgs: max_num_seqs, tensor_parallel_size,
    quantization, kv_cache_dtype... Pre-flight refuses a name that the installed vLLM does not have."""
    sampling: dict[str, Any] = Field(default_factory=dict)
    """Further SamplingParams of every request: min_p, stop, stop_token_ids, logprobs... What `decoder` or `workload`
    have a field for is set there."""
    lora_adapter: str | None = Field(None, min_length=1)
    """A LoRA adapter that every request uses: local folder or Hub id. A rank above 16 needs max_lora_rank in engine."""

    @field_validator("engine", "sampling")
    @classmethod
    def _is_plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        problems = [not_plain(each, key) for key, each in value.items()]
        found = next((each for each in problems if each is not None), None)
        if found is not None:
            raise ValueError(found)
        return value
