"""Every built-in plugin passes the conformance checks that plugin authors run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from llenergymeasure import plugins
from llenergymeasure.backends.base import Backend, Chunk, Done, ScheduledRequest
from llenergymeasure.config.models import ExperimentConfig, WorkloadConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.step import StepRecord
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.plugins import Kind
from llenergymeasure.testing import (
    ContinuousStandInBackend,
    StandInBackend,
    StreamingStandInBackend,
    check_backend,
    check_meter,
    check_plugin,
    check_workload,
)

PROMPTS = [
    Prompt(prompt_id="short", text="The capital of France"),
    Prompt(prompt_id="long", text="a rather longer prompt " * 5),
    Prompt(prompt_id="exact", n_tokens=9, token_seed=3),
]


@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, table in plugins.BUILTIN.items() for name in table]
)
def test_declaration_of_a_built_in_plugin_conforms(kind: Kind, name: str) -> None:
    check_plugin(plugins.declaration(kind, name))


def test_missing_modules_are_named_without_importing_any() -> None:
    requires = ("json", "no_such_module", "no_such_module.part", "antigravity")
    assert plugins.missing_modules(requires) == ["no_such_module", "no_such_module.part"]


@pytest.mark.parametrize("backend", [StandInBackend, ContinuousStandInBackend, StreamingStandInBackend])
def test_standin_backend_conforms(backend: type[Backend]) -> None:
    check_backend(backend, ExperimentConfig(model="any", backend=backend.name, device="cpu"), PROMPTS)


def test_a_backend_that_loses_a_request_does_not_conform() -> None:
    class Lossy(StandInBackend):
        def run(self, requests: Sequence[ScheduledRequest], done: Done) -> None:
            super().run(requests[1:], done)

    with pytest.raises(AssertionError, match="reports every request once"):
        check_backend(Lossy, ExperimentConfig(model="any", backend="standin", device="cpu"), PROMPTS)


def test_a_stream_whose_total_is_not_that_of_its_messages_does_not_conform() -> None:
    class Miscounting(StreamingStandInBackend):
        async def stream(self, request: ScheduledRequest) -> AsyncIterator[Chunk]:
            async for chunk in super().stream(request):
                yield chunk if chunk.output_tokens is None else replace(chunk, output_tokens=1)

    config = ExperimentConfig(model="any", backend="standin_streaming", device="cpu")
    with pytest.raises(AssertionError, match="sum of the messages' tokens"):
        check_backend(Miscounting, config, PROMPTS)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda step: replace(step, prefill_tokens=step.prefill_tokens * 2), "without padding"),
        (lambda step: replace(step, decode_tokens=step.decode_tokens + 1), "decode tokens of steps are"),
        (lambda step: replace(step, requests=0), "takes part in every step"),
        (lambda step: replace(step, drafted_tokens=3), "known together"),
        (lambda step: replace(step, drafted_tokens=1, accepted_tokens=2), "had been drafted"),
        (lambda step: replace(step, start_unix_ns=0), "what load"),
    ],
)
def test_steps_that_contradict_the_requests_do_not_conform(
    change: Callable[[StepRecord], StepRecord], rule: str
) -> None:
    class Miscounting(StandInBackend):
        def steps(self) -> list[StepRecord]:
            first, *rest = super().steps() or [None]
            return [] if first is None else [change(first), *rest]

    with pytest.raises(AssertionError, match=rule):
        check_backend(Miscounting, ExperimentConfig(model="any", backend="standin", device="cpu"), PROMPTS)


@pytest.mark.model
@pytest.mark.parametrize(
    "options", [{}, {"batch_size": 2}, {"prompt_lookup_num_tokens": 3}, {"num_beams": 2}]
)
def test_pytorch_backend_conforms(tiny_llama: Path, options: dict[str, int]) -> None:
    config = ExperimentConfig.model_validate(
        {
            "model": str(tiny_llama),
            "device": "cpu",
            "precision": "fp32",
            "workload": {"max_output_tokens": 4},
            "pytorch": options,
        }
    )
    check_backend(plugins.find("backends", "pytorch"), config, PROMPTS)


@pytest.mark.weights
def test_llamacpp_backend_conforms(smollm2: str) -> None:
    pytest.importorskip("xllamacpp")
    config = ExperimentConfig.model_validate(
        {
            "model": smollm2,
            "backend": "llamacpp",
            "device": "cpu",
            "workload": {"max_output_tokens": 4},
            "llamacpp": {"n_parallel": 2, "n_threads": 1},
        }
    )
    check_backend(plugins.find("backends", "llamacpp"), config, PROMPTS)


@pytest.mark.parametrize("name", plugins.names("meters"))
def test_meter_conforms(name: str) -> None:
    check_meter(plugins.find("meters", name))


@pytest.mark.parametrize("name", ["builtin", "synthetic"])
def test_workload_conforms(name: str) -> None:
    check_workload(plugins.find("workloads", name), WorkloadConfig(dataset=name, n_prompts=300))


def test_jsonl_workload_conforms(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "one"}\n{"prompt": "two", "id": "second"}\n')
    check_workload(plugins.find("workloads", "jsonl"), WorkloadConfig(dataset=str(path), n_prompts=5))


def test_unknown_plugin_names_those_there_are_and_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown meter 'nvlm'; known: .*\(did you mean nvml\?\)"):
        plugins.find("meters", "nvlm")
