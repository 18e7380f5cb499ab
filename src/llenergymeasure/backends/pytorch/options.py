"""Options of the PyTorch backend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from llenergymeasure.config.base import Section


class PyTorchConfig(Section):
    """The `pytorch:` section; every option is handed to torch or transformers, or refused."""

    batch_size: int = Field(1, ge=1, le=1_000_000)
    """Requests that are generated together."""
    attn_implementation: (
        Literal["eager", "sdpa", "flash_attention_2", "flash_attention_3", "flex_attention"] | None
    ) = None
    """Attention kernels; transformers chooses where it is not given."""
    device_map: str | dict[str, int | str] | None = None
    """Placement by accelerate (`auto`, `balanced`, `sequential` or an explicit map); needs accelerate."""
    num_threads: int | None = Field(None, ge=1, le=10_000)
    """CPU threads of torch within one operation. Where it is not given: OMP_NUM_THREADS, else as torch chooses, but no
    more than the cores, or whole cores of a processor quota, that the process may use. At most 4 for each processor."""
    torch_compile: bool = False
    """Compile the model, in the phase `prepare`, for every shape of the workload: before warm-up and windows."""
    torch_compile_mode: (
        Literal["default", "reduce-overhead", "max-autotune", "max-autotune-no-cudagraphs"] | None
    ) = None
    """Mode of torch.compile; only with torch_compile."""
    torch_compile_backend: str | None = None
    """Backend of torch.compile, `inductor` by default; only with torch_compile."""
    load_in_4bit: bool = False
    """Quantise the weights to 4 bits with bitsandbytes while loading."""
    load_in_8bit: bool = False
    """Quantise the weights to 8 bits with bitsandbytes while loading."""
    bnb_4bit_quant_type: Literal["fp4", "nf4"] | None = None
    """4-bit data type; only with load_in_4bit."""
    bnb_4bit_compute_dtype: Literal["fp32", "fp16", "bf16"] | None = None
    """Arithmetic of 4-bit layers, the precision by default; only with load_in_4bit."""
    bnb_4bit_use_double_quant: bool | None = None
    """Quantise the quantisation constants too; only with load_in_4bit."""
    use_cache: bool = True
    """Keep keys and values of past tokens."""
    cache_implementation: (
        Literal["dynamic", "static", "offloaded", "offloaded_static", "quantized"] | None
    ) = None
    """Kind of KV cache; transformers chooses where it is not given."""
    num_beams: int = Field(1, ge=1, le=1000)
    """Beams of beam search; 1 is greedy decoding or sampling."""
    length_penalty: float | None = Field(None, ge=-10, le=10)
    """Exponent of the length in beam scores; only with num_beams > 1."""
    early_stopping: bool | None = None
    """End beam search as soon as there are num_beams finished candidates; only with num_beams > 1."""
    prompt_lookup_num_tokens: int | None = Field(None, ge=1, le=10_000)
    """Draft tokens of prompt-lookup decoding (speculation from the prompt's own n-grams); batch size 1 only."""
    assistant_model: str | None = Field(None, min_length=1)
    """A smaller model of the same vocabulary that proposes tokens (speculative decoding): Hub id, folder, `.gguf` file
    or `package:NAME`, as `model`; batch size 1 only. `precision`, `weights` and `trust_remote_code` are for both."""
    assistant_revision: str | None = None
    """Branch, tag or commit of the assistant on the Hub; only with assistant_model."""
    num_assistant_tokens: int | None = Field(None, ge=1, le=10_000)
    """Tokens that the assistant proposes to each forward pass of the model, always as many; 5 where it is not given.
    Only with assistant_model."""
    lora_adapter: str | None = None
    """A peft LoRA adapter: local folder or Hub id."""
    lora_revision: str | None = None
    """Revision of a LoRA adapter on the Hub; only with lora_adapter."""
    lora_merge: bool = False
    """Merge the adapter into the weights after loading; only with lora_adapter."""

    @model_validator(mode="after")
    def _refuse_impossible_combinations(self) -> PyTorchConfig:
        if self.load_in_4bit and self.load_in_8bit:
            raise ValueError("load_in_4bit and load_in_8bit exclude each other: keep one")
        self._needs("torch_compile", "torch_compile_mode", "torch_compile_backend")
        self._needs(
            "load_in_4bit", "bnb_4bit_quant_type", "bnb_4bit_compute_dtype", "bnb_4bit_use_double_quant"
        )
        self._needs("assistant_model", "assistant_revision", "num_assistant_tokens")
        self._needs("lora_adapter", "lora_revision", "lora_merge")
        if self.num_beams == 1 and (self.length_penalty is not None or self.early_stopping is not None):
            raise ValueError("length_penalty and early_stopping belong to beam search: set num_beams > 1")
        if self.prompt_lookup_num_tokens and self.assistant_model:
            raise ValueError("prompt_lookup_num_tokens and assistant_model both propose tokens: keep one")
        for name in ("prompt_lookup_num_tokens", "assistant_model"):
            if getattr(self, name) and (self.batch_size > 1 or self.num_beams > 1):
                raise ValueError(f"{name} needs batch_size 1 and num_beams 1")
        for name in ("cache_implementation", "prompt_lookup_num_tokens", "assistant_model"):
            if getattr(self, name) and not self.use_cache:
                raise ValueError(f"{name} needs use_cache: true")
        return self

    def _needs(self, switch: str, *options: str) -> None:
        for option in options:
            if getattr(self, option) not in (None, False) and not getattr(self, switch):
                raise ValueError(f"{option} has no effect without {switch}: set {switch} or remove {option}")
