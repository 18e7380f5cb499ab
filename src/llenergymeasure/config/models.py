"""What an experiment is: `ExperimentConfig` with its sections."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.config.base import NOT_MEASURED, Section
from llenergymeasure.config.defaults import CONFIG_VERSION, complete
from llenergymeasure.config.identity import config_hash
from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.config.load import LoadConfig, OfflineLoad

__all__ = [
    "BaselineConfig",
    "CooldownConfig",
    "DecoderConfig",
    "EnergyConfig",
    "EstimateConfig",
    "ExperimentConfig",
    "LauncherConfig",
    "MeasurementConfig",
    "PyTorchConfig",
    "RepeatsConfig",
    "WarmupConfig",
    "WindowConfig",
    "WorkloadConfig",
]

BACKEND_SECTIONS: tuple[str, ...] = ("pytorch", "vllm", "tensorrt", "llamacpp", "server")
NonEmpty = Annotated[str, StringConstraints(min_length=1)]


class WorkloadConfig(Section):
    """The requests: which prompts, how many, how long."""

    dataset: NonEmpty = "builtin"
    """`builtin` (shipped prompts), `synthetic` (exact token lengths from the seed), or a path to a .jsonl file."""
    n_prompts: int = Field(100, ge=1)
    """Requests of one pass; the data set is repeated from its start where it holds fewer."""
    max_input_tokens: int = Field(512, ge=1)
    """Longer prompts keep their last tokens."""
    max_output_tokens: int = Field(128, ge=1)
    """Generation stops here at the latest."""
    input_tokens: int | None = Field(None, ge=1)
    """Exact prompt length of the synthetic data set; only with dataset: synthetic. 128 if not given."""
    prompt_field: NonEmpty = "prompt"
    """Key of the prompt in each line of a JSONL file."""
    chat_template: bool = False
    """Wrap each prompt as one user message in the model's chat template."""

    @model_validator(mode="after")
    def _check_lengths(self) -> WorkloadConfig:
        if self.input_tokens is not None:
            if self.dataset != "synthetic":
                raise ValueError("input_tokens belongs to dataset: synthetic; use max_input_tokens here")
            if self.input_tokens > self.max_input_tokens:
                raise ValueError(
                    f"input_tokens {self.input_tokens} exceeds max_input_tokens {self.max_input_tokens}"
                )
        if self.dataset == "synthetic" and self.chat_template:
            raise ValueError("chat_template would change the exact lengths of dataset: synthetic")
        return self


class DecoderConfig(Section):
    """How the next token is chosen."""

    preset: Literal["deterministic", "sampling"] = "deterministic"
    """`deterministic`: the likeliest token (greedy, or beam search). `sampling`: drawn, with the fields below."""
    temperature: float | None = Field(None, gt=0)
    """Divides the logits; only with preset: sampling."""
    top_k: int | None = Field(None, ge=1)
    """Draw from the k likeliest tokens; only with preset: sampling."""
    top_p: float | None = Field(None, gt=0, le=1)
    """Draw from the smallest set with this probability; only with preset: sampling."""
    repetition_penalty: float | None = Field(None, gt=0)
    """Lowers the score of tokens already seen; 1 is none."""
    ignore_eos: bool = False
    """Generate exactly max_output_tokens, so that every configuration does the same work."""

    @model_validator(mode="after")
    def _sampling_fields_need_sampling(self) -> DecoderConfig:
        if self.preset == "deterministic":
            for name in ("temperature", "top_k", "top_p"):
                if getattr(self, name) is not None:
                    raise ValueError(f"{name} has no effect with preset: deterministic; set preset: sampling")
        return self


class WarmupConfig(Section):
    """Work done before the first window, until caches, clocks and compilers have settled; none if both minima are 0."""

    min_requests: int = Field(2, ge=0)
    """At least so many requests of the workload; those that a backend computes together are served together."""
    min_duration_s: float = Field(5.0, ge=0)
    """At least so long."""
    max_duration_s: float | None = Field(60.0, ge=0)
    """Go on until step time and power are steady, at most so long; null stops at the minima, steady or not."""

    @model_validator(mode="after")
    def _ordered(self) -> WarmupConfig:
        if self.max_duration_s is not None and self.max_duration_s < self.min_duration_s:
            raise ValueError(
                f"max_duration_s {self.max_duration_s} is below min_duration_s {self.min_duration_s}"
            )
        return self


class CooldownConfig(Section):
    """The temperature from which a run starts."""

    max_temperature_c: float | None = Field(None, gt=0)
    """Wait, before the first baseline, until every metered GPU is no warmer than this; null does not wait."""
    max_wait_s: float = Field(300.0, ge=0)
    """Wait at most so long, then go on with a warning."""


class BaselineConfig(Section):
    """How long the idle machine is metered; 0 leaves that baseline out."""

    idle_s: float = Field(30.0, ge=0)
    """The bare machine, before anything is loaded."""
    context_s: float = Field(5.0, ge=0)
    """With the device's context created and nothing loaded; a CPU has none, there it is left out."""
    loaded_s: float = Field(10.0, ge=0)
    """With the model loaded and waiting."""
    reuse_max_age_s: float = Field(0.0, ge=0)
    """Take over the bare idle power of a former run no older than this, if a check finds it unchanged; 0: never."""

    @model_validator(mode="after")
    def _reuse_needs_a_baseline(self) -> BaselineConfig:
        if self.reuse_max_age_s > 0 and self.idle_s == 0:
            raise ValueError(
                "reuse_max_age_s has no effect with idle_s: 0, which leaves the idle baseline out"
            )
        return self


class WindowConfig(Section):
    """The measured interval."""

    min_duration_s: float = Field(10.0, ge=0)
    """The workload is passed over again within one repeat until this much time has gone by."""


class RepeatsConfig(Section):
    """How often the window is measured."""

    min: int = Field(3, ge=1)
    """At least so many; under three there is no interval worth its name."""
    max: int = Field(10, ge=1)
    """At most so many."""
    target_relative_ci: float | None = Field(0.02, gt=0)
    """Stop once the 95 % interval of J/token is within ± this fraction; null runs exactly `min` repeats."""

    @model_validator(mode="after")
    def _ordered(self) -> RepeatsConfig:
        if self.max < self.min:
            raise ValueError(f"max {self.max} is below min {self.min}")
        return self


class MeasurementConfig(Section):
    """The protocol of the measurement."""

    cooldown: CooldownConfig = CooldownConfig()
    baseline: BaselineConfig = BaselineConfig()
    warmup: WarmupConfig = WarmupConfig()
    window: WindowConfig = WindowConfig()
    repeats: RepeatsConfig = RepeatsConfig()
    strict: Annotated[bool, NOT_MEASURED] = False
    """Refuse to begin while others use the machine; `llem run` then also fails on an invalid result."""


class EstimateConfig(Section):
    """The power model of the `estimate` meter: idle power plus CPU utilisation times the rest."""

    cpu_max_power_w: float | None = Field(None, gt=0)
    """Power of the machine's CPUs at full load; None takes 8 W per physical core."""
    cpu_idle_power_w: float | None = Field(None, ge=0)
    """Power at rest; None takes a tenth of the maximum."""


class EnergyConfig(Section):
    """Which energy sources are read."""

    meters: Literal["auto", "none"] | NonEmpty | tuple[NonEmpty, ...] = "auto"
    """`auto` (all that measure; the estimate where nothing does), `none`, a meter's name, or a list of names."""
    estimate: EstimateConfig = EstimateConfig()

    @field_validator("meters")
    @classmethod
    def _at_least_one(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            if not value:
                raise ValueError("name at least one meter, or write none")
            mixed = {"auto", "none"} & set(value)
            if mixed:
                raise ValueError(f"{sorted(mixed)[0]} stands alone, not in a list")
            if len(set(value)) < len(value):
                raise ValueError("the same meter is named twice")
        return value


class ExperimentConfig(Section):
    """One experiment: a model, served one way, measured one way."""

    config_version: Annotated[int, NOT_MEASURED] = Field(CONFIG_VERSION, ge=1)
    """Version of the defaults that fields take which are not given; the latest where it is not stated."""
    model: str = Field(min_length=1)
    """Hub id, local folder, .gguf file, or package:NAME (weights inside an installed Python package)."""
    backend: NonEmpty = "pytorch"
    """Inference software: pytorch, or an installed plugin."""
    device: Literal["cuda", "cpu"] = "cuda"
    """Where the model runs. Which GPUs: CUDA_VISIBLE_DEVICES."""
    precision: Literal["fp32", "fp16", "bf16"] = "bf16"
    """Data type of weights and arithmetic."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """`random` builds the architecture from its config, without a download of weights."""
    revision: str | None = None
    """Branch, tag or commit of the model and its tokenizer on the Hub."""
    trust_remote_code: bool = False
    """Run Python code that the model repository brings. Off unless asked for."""
    random_seed: int = Field(42, ge=0, lt=2**32)
    """Seed of every random generator: weights, sampling, synthetic prompts."""
    workload: WorkloadConfig = WorkloadConfig()
    decoder: DecoderConfig = DecoderConfig()
    load: LoadConfig = OfflineLoad()
    """When the requests are sent."""
    measurement: MeasurementConfig = MeasurementConfig()
    energy: EnergyConfig = EnergyConfig()
    passthrough_kwargs: dict[str, Any] | None = None
    """Further arguments of the backend's loader (from_pretrained), for what has no field of its own."""
    pytorch: PyTorchConfig | None = None
    """Options of the PyTorch backend; only with backend: pytorch."""
    options: dict[str, Any] | None = None
    """Options of a backend that an installed plugin brings, as that plugin declares them."""
    launcher: Annotated[LauncherConfig, NOT_MEASURED] = LauncherConfig()
    output_dir: Annotated[NonEmpty, NOT_MEASURED] = "results"
    """Where bundles are written."""

    @field_validator("config_version")
    @classmethod
    def _version_is_known(cls, value: int) -> int:
        if value > CONFIG_VERSION:
            raise ValueError(f"this release reads versions up to {CONFIG_VERSION}: update llenergymeasure")
        return value

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_the_stated_version(cls, data: Any) -> Any:
        return complete(data) if isinstance(data, dict) else data

    @field_validator("model")
    @classmethod
    def _model_is_named(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the model is empty")
        return value

    @model_validator(mode="before")
    @classmethod
    def _refuse_sections_of_other_backends(cls, data: Any) -> Any:
        if isinstance(data, dict):
            backend = data.get("backend", "pytorch")
            for section in BACKEND_SECTIONS:
                if data.get(section) is not None and section != backend:
                    raise ValueError(
                        f"the '{section}' section does not belong to backend '{backend}': "
                        f"remove it, or set backend: {section}"
                    )
        return data

    @model_validator(mode="after")
    def _check_options(self) -> ExperimentConfig:
        if self.options is not None and self.backend in BACKEND_SECTIONS:
            raise ValueError(
                f"options is for plugin backends; those of {self.backend} go into '{self.backend}'"
            )
        for key in self.passthrough_kwargs or {}:
            if key in _field_names():
                raise ValueError(f"passthrough_kwargs key '{key}' is a field of its own: set {_where(key)}")
        return self

    @property
    def config_hash(self) -> str:
        """Sixteen hex digits that name what is measured; see `config.identity`."""
        return config_hash(self, self.backend)


def _field_names() -> set[str]:
    return set(ExperimentConfig.model_fields) | set(PyTorchConfig.model_fields)


def _where(key: str) -> str:
    return key if key in ExperimentConfig.model_fields else f"pytorch.{key}"
