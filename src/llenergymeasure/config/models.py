"""What an experiment is: `ExperimentConfig` with its sections."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from llenergymeasure import plugins
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.config.base import NOT_MEASURED, Items, NonEmpty, Tokens
from llenergymeasure.config.defaults import CONFIG_VERSION, complete
from llenergymeasure.config.identity import config_hash
from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.config.load import LoadConfig, OfflineLoad
from llenergymeasure.config.measurement import (
    BaselineConfig,
    CooldownConfig,
    MeasurementConfig,
    RepeatsConfig,
    WarmupConfig,
    WindowConfig,
)
from llenergymeasure.config.plain import not_plain
from llenergymeasure.config.plugin_options import InlineOptions, PluginSections, known_plugin
from llenergymeasure.config.sections.decoder import DecoderConfig
from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.exceptions import PluginError

__all__ = [
    "BaselineConfig",
    "CooldownConfig",
    "DecoderConfig",
    "EnergyConfig",
    "ExperimentConfig",
    "LauncherConfig",
    "MeasurementConfig",
    "PyTorchConfig",
    "RepeatsConfig",
    "WarmupConfig",
    "WindowConfig",
    "WorkloadConfig",
]


class WorkloadConfig(InlineOptions):
    """The requests: which prompts, how many, how long; the data set of a plugin may have options of its own here."""

    plugin_kind: ClassVar[plugins.Kind] = "workloads"
    name_field: ClassVar[str] = "dataset"

    dataset: NonEmpty = "builtin"
    """`builtin` (shipped prompts), `synthetic` (exact token lengths from the seed), or a path to a .jsonl file."""
    n_prompts: int = Field(100, ge=1, le=1_000_000)
    """Requests of one pass; a smaller data set is repeated from its start."""
    max_input_tokens: Tokens = 512
    """Longer prompts keep their last tokens."""
    max_output_tokens: Tokens = 128
    """Maximum length of an answer."""
    input_tokens: int | None = Field(None, ge=1, le=10_000_000)
    """Exact prompt length of the synthetic data set; only with dataset: synthetic. 128 if not given."""
    prompt_field: NonEmpty = "prompt"
    """Key of the prompt in each line of a JSONL file."""
    chat_template: bool = False
    """Wrap each prompt as one user message in the model's chat template."""

    @field_validator("dataset")
    @classmethod
    def _dataset_is_known(cls, value: str) -> str:
        if ("workloads", value) == plugins.FILE_WORKLOAD or not (
            plugins.is_known("workloads", value) or _is_path(value)
        ):
            raise ValueError(plugins.unknown("workloads", value, "the path of a .jsonl file"))
        return value

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


_NO_NAMES = ("auto", "none")
"""What `energy.meters` may say instead of names."""


class EnergyConfig(PluginSections):
    """Which energy sources are read; the options of a meter stand in a section with the meter's name."""

    plugin_kind: ClassVar[plugins.Kind] = "meters"

    meters: Literal["auto", "none"] | NonEmpty | Items[NonEmpty] = "auto"
    """`auto` (all that measure; an estimate where nothing does), `none`, a meter's name, or a list of names."""

    exclude: Items[NonEmpty] = ()
    """Sensors that are not read: `rapl:dram-0`, `rapl:psys`, `nvml:1`, a UUID, or a label as `llem doctor` shows it.
    `rapl:dram` (meter and domain) means all of these."""

    @classmethod
    def unknown_choices(cls, settings: Mapping[str, Any]) -> Collection[str]:
        meters = settings.get("meters", "auto")
        chosen = meters if isinstance(meters, (list, tuple)) else [meters]
        return [name for name in chosen if name not in _NO_NAMES and not _exists("meters", name)]

    @classmethod
    def refuse_section(cls, name: str, settings: Mapping[str, Any]) -> str | None:
        meters = settings.get("meters", "auto")
        chosen = [meters] if isinstance(meters, str) else meters
        if chosen == ["auto"] or not isinstance(chosen, (list, tuple)) or name in chosen:
            return None
        return f"the meter '{name}' is not read: add it to energy.meters, or remove this section"

    @field_validator("meters")
    @classmethod
    def _meters_are_known(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        if isinstance(value, tuple):
            if not value:
                raise ValueError("name at least one meter, or write none")
            mixed = set(_NO_NAMES) & set(value)
            if mixed:
                raise ValueError(f"{sorted(mixed)[0]} stands alone, not in a list")
            if len(set(value)) < len(value):
                raise ValueError("the same meter is named twice")
        names = value if isinstance(value, tuple) else () if value in _NO_NAMES else (value,)
        unknown = [
            plugins.unknown("meters", name, *_NO_NAMES)
            for name in names
            if not plugins.is_known("meters", name)
        ]
        if unknown:
            raise ValueError("; ".join(unknown))
        return value


class ExperimentConfig(PluginSections):
    """One experiment: a model, served one way, measured one way."""

    plugin_kind: ClassVar[plugins.Kind] = "backends"

    config_version: Annotated[int, NOT_MEASURED] = Field(CONFIG_VERSION, ge=1)
    """Version of the defaults that fields take which are not given; the latest where it is not stated."""
    model: str = Field(min_length=1)
    """Hub id, local folder, .gguf file, or package:NAME (weights inside an installed Python package)."""
    backend: NonEmpty = "pytorch"
    """Inference software: pytorch, or an installed plugin, whose options stand in a section with its name."""
    device: Literal["cuda", "cpu"] = "cuda"
    """Where the model runs. Which GPUs: CUDA_VISIBLE_DEVICES."""
    precision: Literal["fp32", "fp16", "bf16"] = "bf16"
    """Data type of weights and arithmetic."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """`random` builds the architecture from its config, without a download of weights."""
    revision: str | None = None
    """Branch, tag or commit of the model and its tokenizer on the Hub."""
    trust_remote_code: bool = False
    """Run Python code of the model repository."""
    random_seed: int = Field(42, ge=0, lt=2**32)
    """Seed of every random generator: weights, sampling, synthetic prompts."""
    workload: WorkloadConfig = WorkloadConfig()
    decoder: DecoderConfig = DecoderConfig()
    load: LoadConfig = OfflineLoad()
    """When the requests are sent."""
    cache: Literal["cold", "warm", "as_is"] = "cold"
    """The engine's prefix cache: `cold` (no prompt is computed from what an earlier one left), `warm` (every prompt was
    served before the windows), or `as_is` (neither is seen to)."""
    slo: Annotated[SloConfig | None, NOT_MEASURED] = None
    """What a good request is, for goodput and attainment; null: neither is stated."""
    measurement: MeasurementConfig = MeasurementConfig()
    energy: EnergyConfig = EnergyConfig()
    passthrough_kwargs: dict[str, Any] | None = None
    """Further arguments of the backend's loader (from_pretrained), for what has no field of its own."""
    pytorch: PyTorchConfig | None = None
    """Options of the PyTorch backend; only with backend: pytorch."""
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

    @field_validator("backend")
    @classmethod
    def _backend_is_known(cls, value: str) -> str:
        return known_plugin("backends", value)

    @classmethod
    def unknown_choices(cls, settings: Mapping[str, Any]) -> Collection[str]:
        backend = settings.get("backend", "pytorch")
        return () if _exists("backends", backend) else (backend,)

    @field_validator("passthrough_kwargs")
    @classmethod
    def _passthrough_is_plain(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        problems = [not_plain(each, key) for key, each in (value or {}).items()]
        found = next((each for each in problems if each is not None), None)
        if found is not None:
            raise ValueError(found)
        return value

    @classmethod
    def refuse_section(cls, name: str, settings: Mapping[str, Any]) -> str | None:
        backend = settings.get("backend", "pytorch")
        if name == backend:
            return None
        return f"this section does not belong to backend '{backend}': remove it, or set backend: {name}"

    @model_validator(mode="after")
    def _passthrough_keys_are_no_fields(self) -> ExperimentConfig:
        for key in self.passthrough_kwargs or {}:
            if key in ExperimentConfig.model_fields:
                raise ValueError(_own_field(key, key))
            if key in _options_of_backend(self.backend):
                raise ValueError(_own_field(key, f"{self.backend}.{key}"))
        return self

    @property
    def config_hash(self) -> str:
        """Sixteen hex digits that name what is measured; see `config.identity`."""
        return config_hash(self, self.backend)


def _exists(kind: plugins.Kind, name: Any) -> bool:
    return isinstance(name, str) and plugins.is_known(kind, name)


def _is_path(dataset: str) -> bool:
    path = Path(dataset)
    try:
        return path.name != dataset or bool(path.suffix) or path.exists()
    except (OSError, ValueError):
        return True  # no usable path: reported where it is read


def _options_of_backend(name: str) -> Collection[str]:
    try:
        model = plugins.declaration("backends", name).options_model()
    except PluginError:
        return ()  # pre-flight reports it
    return () if model is None else model.model_fields


def _own_field(key: str, field: str) -> str:
    return f"passthrough_kwargs key '{key}' is a field of its own: set {field}"
