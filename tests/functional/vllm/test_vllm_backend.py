"""The vLLM backend on the real engine and real weights, on a CPU: `make test-vllm`."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from llenergymeasure.backends.base import ScheduledRequest
from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.vllm.backend import VLLMBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request import Prompt, RequestRecord
from llenergymeasure.exceptions import BackendError
from llenergymeasure.load.at_once import StreamsAtOnce
from llenergymeasure.metrics.performance.work.window_work import window_work
from llenergymeasure.testing import check_backend
from tests.support.flop_counting import batch
from tests.support.processes import still_running

pytestmark = [
    pytest.mark.vllm,
    pytest.mark.timeout(900),
    pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM: make test-vllm"),
]

TEXTS = (
    "The capital of France is",
    "Water boils at a temperature of",
    "A language model is a program that",
    "Energy is measured in",
    "The opposite of hot is",
)
PROMPTS = [Prompt(prompt_id=f"p{index}", text=text) for index, text in enumerate(TEXTS)]
N_PARAMETERS = 134_515_008


def configure(folder: Path, **fields: Any) -> ExperimentConfig:
    settings = {"backend": "vllm", "precision": "bf16", "workload": {"max_output_tokens": 12}, **fields}
    if settings["backend"] == "vllm":
        settings.setdefault(
            "vllm", {"engine": {"max_model_len": 512, "enforce_eager": True, "gpu_memory_utilization": 0.3}}
        )
    return ExperimentConfig.model_validate({"model": str(folder), "device": "cpu", **settings})


class Served:
    """A loaded backend that serves its prompts on demand."""

    def __init__(self, folder: Path, **fields: Any) -> None:
        self.backend = VLLMBackend()
        self.clock = AnchoredClock()
        self.info: ModelInfo = self.backend.load(configure(folder, **fields), self.clock)
        self.encoded = self.backend.encode(PROMPTS)

    def serve(self, repeat: int = 0) -> list[RequestRecord]:
        streams = StreamsAtOnce(self.backend, len(self.encoded), self.clock)
        records: list[RequestRecord] = []
        requests = [
            ScheduledRequest(
                request_id=f"{repeat}.{each.index}",
                repeat=repeat,
                scheduled_unix_ns=self.clock.now_ns(),
                encoded=each,
            )
            for each in self.encoded
        ]
        try:
            streams.run(requests, records.append)
        finally:
            streams.close()
        return sorted(records, key=lambda record: record.request_id)


@pytest.fixture(scope="module")
def served(smollm2_folder: Path) -> Iterator[Served]:
    """Return a loaded backend; once it is closed, none of its processes is left."""
    served = Served(smollm2_folder)
    others = [psutil.Process(pid) for pid in served.backend.processes() if pid != os.getpid()]
    yield served
    served.backend.close()
    served.backend.close()
    assert others
    assert not still_running(others, 1)


def test_it_conforms(smollm2_folder):
    check_backend(VLLMBackend, configure(smollm2_folder), PROMPTS)


def test_the_steps_of_the_engine_add_up_to_the_tokens_of_the_requests(served):
    served.backend.steps()
    before = served.clock.now_ns()
    records = served.serve()
    steps = served.backend.steps()
    assert steps is not None, served.info.unknown
    assert int(steps.prefill_tokens.sum()) == sum(
        each.prompt_tokens - (each.cached_prompt_tokens or 0) for each in records
    )
    assert int(steps.decode_tokens.sum()) == sum(each.output_tokens - 1 for each in records)
    assert (steps.end_unix_ns[:-1] <= steps.start_unix_ns[1:]).all()
    assert before <= steps.start_unix_ns[0] < steps.end_unix_ns[-1] <= served.clock.now_ns()
    assert int(steps.requests.max()) == len(TEXTS)
    longest = sum(each.prompt_tokens + each.output_tokens - 1 for each in records)
    assert int(steps.context_tokens.max()) <= longest


def test_every_token_has_its_time_and_the_engine_tells_how_long_each_phase_took(served):
    for record in served.serve(repeat=1):
        assert sum(record.chunk_tokens) == record.output_tokens == 12
        assert list(record.chunk_unix_ns) == sorted(record.chunk_unix_ns)
        assert record.finish_reason == "length"
        server = record.server
        assert server is not None
        assert None not in (server.queued_s, server.prefill_s, server.decode_s)
        client_s = (record.last_token_unix_ns - record.sent_unix_ns) / 1e9
        server_s = server.queued_s + server.prefill_s + server.decode_s
        assert 0 < server_s <= client_s + 0.001
        assert client_s - server_s < 0.25


def test_the_cached_tokens_of_a_prompt_are_told_and_gone_after_a_reset(served):
    long = [Prompt(prompt_id="long", text=" ".join(["measure twice and cut once"] * 30))]
    kept, served.encoded = served.encoded, served.backend.encode(long)
    try:
        assert served.backend.keeps_prefixes()
        (first,), (again,) = served.serve(10), served.serve(11)
        assert served.backend.reset_prefix_cache() is None
        (anew,) = served.serve(12)
    finally:
        served.encoded = kept
        served.backend.encode(PROMPTS)
    assert first.cached_prompt_tokens == anew.cached_prompt_tokens == 0
    assert again.cached_prompt_tokens is not None
    assert 0 < again.cached_prompt_tokens < again.prompt_tokens
    assert first.output_tokens == again.output_tokens == anew.output_tokens


def test_size_work_and_provenance_are_told(served):
    info = served.info
    assert info.n_parameters == info.n_matmul_parameters == N_PARAMETERS
    assert (info.architecture, info.dtype, info.quantisation) == ("LlamaForCausalLM", "bfloat16", None)
    assert (info.n_layers, info.n_attention_heads, info.n_kv_heads, info.context_length) == (30, 9, 3, 512)
    assert info.weight_bytes == 2 * N_PARAMETERS
    work = window_work(info, batch([100], [10]))
    assert work.total.flops_model
    assert work.total.flops_model >= 2 * (N_PARAMETERS - 49152 * 576) * 109


def test_it_reads_the_same_tokens_as_pytorch_and_begins_its_answers_alike(served, smollm2_folder):
    ids = [each.token_ids for each in served.encoded]
    pytorch = PyTorchBackend()
    try:
        pytorch.load(configure(smollm2_folder, backend="pytorch"), AnchoredClock())
        encoded = pytorch.encode(PROMPTS)
        assert [each.token_ids for each in encoded] == ids
        assert dict(pytorch.fingerprints()) == dict(served.backend.fingerprints())
        ours, theirs = served.backend.serving_facts(), pytorch.serving_facts()
    finally:
        pytorch.close()
    assert (ours.stop_token_ids, ours.sampling) == (theirs.stop_token_ids, theirs.sampling)
    assert (ours.speculative, ours.kv_cache_dtype, ours.context_limit) == ("none", "bfloat16", 512)
    assert str(ours.engine).startswith("vllm 0.")


def test_an_engine_that_is_killed_ends_the_run_with_one_sentence(smollm2_folder):
    served = Served(smollm2_folder)
    others = [psutil.Process(pid) for pid in served.backend.processes() if pid != os.getpid()]
    try:
        others[0].kill()
        with pytest.raises(BackendError, match=r"^vLLM's engine has ended: "):
            asyncio.run(_first_chunk(served))
    finally:
        served.backend.close()
    assert not still_running(others, 1)


async def _first_chunk(served: Served) -> None:
    request = ScheduledRequest(
        request_id="late", repeat=0, scheduled_unix_ns=served.clock.now_ns(), encoded=served.encoded[0]
    )
    async for _chunk in served.backend.stream(request):
        pass


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        ({"engine": {"max_modle_len": 512}}, r"^vllm\.engine\.max_modle_len is no .*\(did you mean max_model_len\?\)"),
        ({"sampling": {"min_tokns": 2}}, r"^vllm\.sampling\.min_tokns is no .*\(did you mean min_tokens\?\)"),
        ({"sampling": {"min_p": 3.0}}, r"^vllm\.sampling: vLLM refuses these parameters: .*min_p"),
        ({"engine": {"max_model_len": 10**9}}, r"^vLLM refuses model .*max_model_len"),
        ({"engine": {"quantization": "nope"}}, r"^vLLM refuses model .*nope"),
    ],
)  # fmt: skip
def test_what_the_installed_vllm_does_not_take_is_refused_before_it_starts(smollm2_folder, options, refusal):
    (problem,) = VLLMBackend().check(configure(smollm2_folder, vllm=options))
    assert re.search(refusal, problem), problem


def test_a_build_for_another_device_is_refused(smollm2_folder):
    config = configure(smollm2_folder).model_copy(update={"device": "cuda"})
    (problem,) = VLLMBackend().check(config)
    assert "computes on cpu, and device is cuda: set device: cpu" in problem
