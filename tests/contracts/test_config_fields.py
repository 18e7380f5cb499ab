"""Every field of the configuration is read by something that runs, or refused with its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from llenergymeasure import plugins
from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.config.base import Section
from llenergymeasure.config.loader import load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.plugin_options import InlineOptions, PluginSections, options_models
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.orchestration.experiment import execute
from llenergymeasure.orchestration.jobs import prepare_job

pytestmark = pytest.mark.model

BASE: dict[str, Any] = {
    "device": "cpu",
    "precision": "fp32",
    "workload": {"n_prompts": 2, "max_input_tokens": 8, "max_output_tokens": 2},
    "measurement": {
        "baseline": {"idle_s": 0, "loaded_s": 0},
        "warmup": {"min_requests": 0, "min_duration_s": 0},
        "window": {"min_duration_s": 0},
        "repeats": {"min": 1, "max": 1},
    },
    "energy": {"meters": "estimate"},
}

OTHER_VALUES: dict[str, dict[str, Any]] = {
    "model": {},
    "backend": {"backend": "pytorch"},
    "device": {"device": "cuda"},
    "precision": {"precision": "bf16"},
    "weights": {"weights": "random"},
    "revision": {"revision": "main"},
    "trust_remote_code": {"trust_remote_code": True},
    "random_seed": {"random_seed": 7},
    "workload.dataset": {"workload": {"dataset": "synthetic"}},
    "workload.n_prompts": {"workload": {"n_prompts": 3}},
    "workload.max_input_tokens": {"workload": {"max_input_tokens": 4}},
    "workload.max_output_tokens": {"workload": {"max_output_tokens": 3}},
    "workload.input_tokens": {"workload": {"dataset": "synthetic", "input_tokens": 5}},
    **{
        f"workload.{name}_lengths": {
            "workload": {"dataset": "synthetic", f"{name}_lengths": {"kind": "uniform", "min": 1, "max": 2}}
        }
        for name in ("input", "output")
    },
    "workload.turns": {"workload": {"dataset": "synthetic", "turns": 2, "input_tokens": 2}},
    "workload.trace": {"workload": {"dataset": "trace", "trace": "TRACE"}},
    "workload.trace_format": {"workload": {"dataset": "trace", "trace": "TRACE", "trace_format": "mooncake"}},
    "workload.prompt_field": {"workload": {"dataset": "PROMPTS", "prompt_field": "text"}},
    "workload.chat_template": {"workload": {"chat_template": True, "max_input_tokens": 64}},
    "decoder.preset": {"decoder": {"preset": "sampling"}},
    "decoder.temperature": {"decoder": {"preset": "sampling", "temperature": 0.5}},
    "decoder.top_k": {"decoder": {"preset": "sampling", "top_k": 5}},
    "decoder.top_p": {"decoder": {"preset": "sampling", "top_p": 0.9}},
    "decoder.repetition_penalty": {"decoder": {"repetition_penalty": 1.2}},
    "decoder.ignore_eos": {"decoder": {"ignore_eos": True}},
    "load.kind": {"load": {"kind": "closed", "concurrency": 2}},
    "cache": {"cache": "warm"},
    "slo.ttft_s": {"slo": {"ttft_s": 1.0}},
    "slo.tpot_s": {"slo": {"tpot_s": 1.0}},
    "slo.e2e_s": {"slo": {"e2e_s": 1.0}},
    "slo.percentile": {"slo": {"ttft_s": 1.0, "percentile": 90.0}},
    "measurement.baseline.idle_s": {"measurement": {"baseline": {"idle_s": 0.1}}},
    "measurement.cooldown.max_temperature_c": {"measurement": {"cooldown": {"max_temperature_c": 30.0}}},
    "measurement.cooldown.max_wait_s": {
        "measurement": {"cooldown": {"max_temperature_c": 30.0, "max_wait_s": 0.1}}
    },
    "measurement.baseline.context_s": {"measurement": {"baseline": {"context_s": 0.1}}},
    "measurement.baseline.reuse_max_age_s": {
        "measurement": {"baseline": {"idle_s": 0.1, "reuse_max_age_s": 60.0}}
    },
    "measurement.baseline.loaded_s": {"measurement": {"baseline": {"loaded_s": 0.1}}},
    "measurement.warmup.min_requests": {
        "measurement": {"warmup": {"min_requests": 1, "max_duration_s": 2.0}}
    },
    "measurement.warmup.min_duration_s": {
        "measurement": {"warmup": {"min_duration_s": 0.1, "max_duration_s": 2.0}}
    },
    "measurement.warmup.max_duration_s": {
        "measurement": {"warmup": {"min_requests": 1, "max_duration_s": None}}
    },
    "measurement.window.min_duration_s": {"measurement": {"window": {"min_duration_s": 0.1}}},
    "measurement.repeats.min": {"measurement": {"repeats": {"min": 2, "max": 2}}},
    "measurement.repeats.max": {"measurement": {"repeats": {"min": 1, "max": 2}}},
    "measurement.repeats.target_relative_ci": {"measurement": {"repeats": {"target_relative_ci": None}}},
    "measurement.require_quiet": {"measurement": {"require_quiet": True}},
    "energy.meters": {"energy": {"meters": "none"}},
    "energy.exclude": {"energy": {"exclude": ["no such sensor"]}},
    "energy.estimate.cpu_max_power_w": {"energy": {"estimate": {"cpu_max_power_w": 30.0}}},
    "energy.estimate.cpu_idle_power_w": {"energy": {"estimate": {"cpu_idle_power_w": 3.0}}},
    "passthrough_kwargs": {"passthrough_kwargs": {"low_cpu_mem_usage": True}},
    "output_dir": {},
    "pytorch.batch_size": {"pytorch": {"batch_size": 2}},
    "pytorch.attn_implementation": {"pytorch": {"attn_implementation": "eager"}},
    "pytorch.device_map": {"pytorch": {"device_map": "cpu"}},
    "pytorch.num_threads": {"pytorch": {"num_threads": 1}},
    "pytorch.torch_compile": {"pytorch": {"torch_compile": True, "torch_compile_backend": "eager"}},
    "pytorch.torch_compile_mode": {
        "pytorch": {"torch_compile": True, "torch_compile_mode": "default", "torch_compile_backend": "eager"}
    },
    "pytorch.torch_compile_backend": {"pytorch": {"torch_compile": True, "torch_compile_backend": "eager"}},
    "pytorch.load_in_4bit": {"pytorch": {"load_in_4bit": True}},
    "pytorch.load_in_8bit": {"pytorch": {"load_in_8bit": True}},
    "pytorch.bnb_4bit_quant_type": {"pytorch": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}},
    "pytorch.bnb_4bit_compute_dtype": {"pytorch": {"load_in_4bit": True, "bnb_4bit_compute_dtype": "bf16"}},
    "pytorch.bnb_4bit_use_double_quant": {
        "pytorch": {"load_in_4bit": True, "bnb_4bit_use_double_quant": True}
    },
    "pytorch.use_cache": {"pytorch": {"use_cache": False}},
    "pytorch.cache_implementation": {"pytorch": {"cache_implementation": "static"}},
    "pytorch.num_beams": {"pytorch": {"num_beams": 2}},
    "pytorch.length_penalty": {"pytorch": {"num_beams": 2, "length_penalty": 0.5}},
    "pytorch.early_stopping": {"pytorch": {"num_beams": 2, "early_stopping": True}},
    "pytorch.prompt_lookup_num_tokens": {"pytorch": {"prompt_lookup_num_tokens": 2}},
    "pytorch.assistant_model": {"pytorch": {"assistant_model": "MODEL"}},
    "pytorch.assistant_revision": {"pytorch": {"assistant_model": "MODEL", "assistant_revision": "main"}},
    "pytorch.num_assistant_tokens": {"pytorch": {"assistant_model": "MODEL", "num_assistant_tokens": 3}},
    "pytorch.lora_adapter": {"pytorch": {"lora_adapter": "ADAPTER"}},
    "pytorch.lora_revision": {"pytorch": {"lora_adapter": "ADAPTER", "lora_revision": "main"}},
    "pytorch.lora_merge": {"pytorch": {"lora_adapter": "ADAPTER", "lora_merge": True}},
}
"""For each field, settings in which it differs from BASE."""

REFUSED_BY = {
    "device": "CUDA not available",
    "pytorch.bnb_4bit_compute_dtype": "pytorch.load_in_4bit needs",
    "pytorch.bnb_4bit_quant_type": "pytorch.load_in_4bit needs",
    "pytorch.bnb_4bit_use_double_quant": "pytorch.load_in_4bit needs",
}
"""The words of a refusal that does not name the field: that of the switch without which the field has no effect."""


READ_AROUND_THE_RUN = {
    "config_version",
    "launcher.kind",
    "launcher.python",
    "measurement.strict",
    "slo.preset",
    "energy.nvml.activity",
    "vllm.engine",
    "vllm.sampling",
    "vllm.lora_adapter",
}
"""How the others are read, where `execute` runs, what its outcome means, what only a machine with an NVIDIA card has,
which limits a name stands for, and the options of software that lives in an environment of its own: tests of their own
show that they are read."""


OTHER_BACKENDS = {"llamacpp", "server", "tensorrt"}
"""Their options need their software: tests/unit/backends shows that each reaches it, or is refused."""


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, annotation in _annotations(model).items():
        section = _section(annotation)
        if section is None:
            yield prefix + name
        else:
            yield from _leaves(section, f"{prefix}{name}.")


def _annotations(model: type[BaseModel]) -> dict[str, Any]:
    """Return the types of a section's fields, the options of built-in plugins included."""
    annotations: dict[str, Any] = {name: each.annotation for name, each in model.model_fields.items()}
    if issubclass(model, (PluginSections, InlineOptions)):
        for plugin in plugins.BUILTIN[model.plugin_kind].values():
            if plugin.options is None or ".testing." in plugin.options:
                continue
            options = plugin.options_model()
            own = {plugin.name: options} if issubclass(model, PluginSections) else _annotations(options)
            annotations = {**own, **annotations}
    return annotations


def _section(annotation: Any) -> type[Section] | None:
    candidates = getattr(annotation, "__args__", (annotation,))
    return next((each for each in candidates if isinstance(each, type) and issubclass(each, Section)), None)


def test_every_field_has_a_case_here() -> None:
    own = {path for path in _leaves(ExperimentConfig) if path.partition(".")[0] not in OTHER_BACKENDS}
    assert set(OTHER_VALUES) | READ_AROUND_THE_RUN == own


@contextmanager
def _recorded_reads() -> Iterator[set[str]]:
    """Collect `Class.field` for every field read outside the modules that declare and validate the fields."""
    reads: set[str] = set()
    plain = Section.__getattribute__

    def record(self: Section, name: str) -> Any:
        if name in type(self).model_fields:
            module = sys._getframe(1).f_globals.get("__name__", "")
            declares = module.startswith("llenergymeasure.config") or module.endswith(".options")
            if module.startswith("llenergymeasure.") and not declares:
                reads.add(f"{type(self).__name__}.{name}")
        return plain(self, name)

    Section.__getattribute__ = record  # type: ignore[method-assign]
    try:
        yield reads
    finally:
        Section.__getattribute__ = plain  # type: ignore[method-assign]


def _owners(path: str) -> set[str]:
    """Return the classes that may declare a field: the section, or the options of a data set in it."""
    *sections, name = path.split(".")
    owner: type[BaseModel] = ExperimentConfig
    for section in sections:
        owner = _section(_annotations(owner)[section]) or owner
    inline = options_models(owner.plugin_kind) if issubclass(owner, InlineOptions) else ()
    return {owner.__name__, *(model.__name__ for _name, model in inline if name in model.model_fields)}


def _settings(path: str, model: Path, adapter: Path, folder: Path) -> dict[str, Any]:
    prompts = folder / "prompts.jsonl"
    prompts.write_text('{"text": "one two three"}\n')
    changed = OTHER_VALUES[path]
    workload = {**BASE["workload"], **changed.get("workload", {})}
    if workload.get("trace") == "TRACE":
        trace = folder / "trace.jsonl"
        trace.write_text('{"timestamp": 0, "input_length": 3, "output_length": 2}\n' * 2)
        workload["trace"] = str(trace)
    if workload.get("dataset") == "PROMPTS":
        workload["dataset"] = str(prompts)
    pytorch = dict(changed.get("pytorch", {}))
    if "lora_adapter" in pytorch:
        pytorch["lora_adapter"] = str(adapter)
    if "assistant_model" in pytorch:
        pytorch["assistant_model"] = str(model)
    measurement: dict[str, Any] = {
        name: {**values, **changed.get("measurement", {}).get(name, {})}
        for name, values in BASE["measurement"].items()
    }
    measurement |= {
        name: value for name, value in changed.get("measurement", {}).items() if name not in measurement
    }
    nested = {"workload": workload, "measurement": measurement, "pytorch": pytorch}
    return {**BASE, **changed, **nested, "model": str(model), "output_dir": str(folder / "out")}


@pytest.mark.parametrize("path", sorted(OTHER_VALUES))
def test_field_is_read_by_something_or_refused(
    path: str, tiny_llama: Path, tiny_adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setenv("LLEM_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("llenergymeasure.domain.environment._capture_pip_freeze", lambda: "")
    refusal = ""
    with _recorded_reads() as reads:
        try:
            execute(prepare_job(load_config(overrides=_settings(path, tiny_llama, tiny_adapter, tmp_path))))
        except LLEMError as error:
            refusal = str(error)
    word = REFUSED_BY.get(path, path.rpartition(".")[2])
    name = path.rpartition(".")[2]
    is_read = any(f"{owner}.{name}" in reads for owner in _owners(path))
    assert is_read or word in refusal, f"{path} is ignored; the run said: {refusal}"


def test_backend_refuses_what_it_cannot_honour_before_loading() -> None:
    config = load_config(overrides={**BASE, "model": "any", "pytorch": {"load_in_4bit": True}})
    assert any(
        "load_in_4bit" in reason or "bitsandbytes" in reason for reason in PyTorchBackend().check(config)
    )
