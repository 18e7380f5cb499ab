"""Bundles of runs on a virtual clock, and the ways to tamper with them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from typing import Any

from llenergymeasure.config.loader import dump_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.hardware import (
    CPUEnvironment,
    CUDAEnvironment,
    EnvironmentMetadata,
    GPUEnvironment,
    ThermalEnvironment,
)
from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.environment import EnvironmentSnapshot
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.interference import Interference, OtherGpuLoad, OtherLoad
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.model.shape import AttentionShape, Execution, LayerShape, ModelShape
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.server_side import ServerWindow
from llenergymeasure.domain.trace import EnergyTrace, LeftOut, MeterPace
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.results import layout
from llenergymeasure.results.bundle import Writer, facts_json, result_json, write_bundle
from llenergymeasure.results.parquet.attribution import write_attribution
from llenergymeasure.results.parquet.requests import write_requests
from llenergymeasure.results.parquet.steps import write_steps
from llenergymeasure.results.parquet.trace_phases import write_phases, write_trace
from llenergymeasure.testing import KnownPower, StandInBackend, VirtualClock
from tests.support.driving import offline

NAME = "20231114T221320-any-01234567"
CONFIG = ExperimentConfig.model_validate(
    {
        "model": "any",
        "backend": "standin",
        "standin": {"token_s": 0.05},
        "measurement": {
            "baseline": {"idle_s": 2.0, "loaded_s": 2.0},
            "warmup": {"min_requests": 20, "min_duration_s": 1.0, "max_duration_s": 4.0},
            "window": {"min_duration_s": 2.0},
            "repeats": {"min": 3, "max": 3},
        },
    }
)
_NEIGHBOURS = OtherLoad(
    foreign_cpu_cores=0.5,
    gpus=(
        OtherGpuLoad(
            device="GPU-0",
            label="GPU 0",
            foreign_pids=(4321,),
            memory_used_bytes=2**30,
            memory_total_bytes=80 * 2**30,
        ),
    ),
)
_ATTENTION = AttentionShape(
    kind="gqa", heads=4, kv_heads=2, qk_head_dim=16, v_head_dim=16, parameters=12288, cached_elements=64
)
_LAYER = LayerShape(layers=2, attention=_ATTENTION, mlp_parameters=24576, n_bytes=73984)
SHAPE = {
    "shape": ModelShape(
        hidden_size=64,
        vocab_size=100,
        layers=(_LAYER,),
        output_parameters=6400,
        output_bytes=12800,
        kv_dtype="bfloat16",
        kv_element_bytes=2,
    ),
    "execution": Execution(attention="rectangle"),
    "n_layers": 2,
    "hidden_size": 64,
    "n_attention_heads": 4,
    "n_kv_heads": 2,
    "head_dim": 16,
}


@cache
def raw_run() -> RawRun:
    """Return a short run with every kind of fact a run leaves behind."""
    clock = VirtualClock()
    log = Recorder(clock=clock)
    began = clock.now_ns()
    power = KnownPower(clock, lambda time_ns: 300.0 if time_ns - began >= 3_000_000_000 else 80.0)
    backend = StandInBackend()
    protocol = CONFIG.measurement
    measure_idle("baseline_idle", protocol.baseline.idle_s, log, power)
    with log.phase("load"):
        info = backend.load(CONFIG, clock)
        clock.sleep(1.0)
    measure_idle("baseline_loaded", protocol.baseline.loaded_s, log, power)
    prompts = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(4)]
    driver = offline(backend, prompts, clock)
    log.engine = backend
    warmup_ended = warm_up(driver, protocol, log, power)
    log.memory = _Memory()
    reason = measure_repeats(driver, protocol, log, power)
    clock.sleep(1.0)
    steps = log.steps.table()
    assert steps is not None
    return RawRun(
        steps=steps,
        trace=_with_conditions(power.trace()),
        phases=tuple(log.phases),
        requests=log.requests.table(),
        facts=RunFacts(
            experiment_id=NAME,
            host="node-1",
            clock_offset_ns=1_700_000_000_000_000_000,
            meters=("known",),
            model_info=info.model_copy(update=SHAPE),
            snapshot=_snapshot(),
            interference=Interference(before=_NEIGHBOURS, windows=_NEIGHBOURS),
            baseline=BaselineReuse(origin="measured", reason="none is stored for this machine and its state"),
            fingerprints=Fingerprints(
                prompts_sha256="0" * 64,
                prompts=4,
                distinct_prompts=3,
                unknown={"weights_sha256": "the stand-in has none"},
            ),
            prompt_facts=PromptFacts(unknown_fraction=0.0, opens_answer=True),
            left_out=(
                LeftOut(
                    meter="rapl",
                    domain="dram",
                    device="package-0/dram",
                    label="Memory",
                    reason="it holds no number",
                ),
            ),
            paces=(MeterPace(meter="known", period_s=0.02, reading_s=0.001, in_parallel=True),),
            output_refusals=("the folder is not flushed (fsync: Operation not supported)",),
            closing_faults=("the driver failed while it was closed: ValueError",),
            max_batch_size=4,
            client=(
                ClientWindow(
                    repeat=0, duration_s=2.0, loop_lag_p99_s=0.0001, loop_lag_max_s=0.0005, cpu_s=0.1
                ),
            ),
            serving=ServingFacts(context_limit=4096, engine="an engine 1.0"),
            prefix_cache=PrefixCacheFacts(keeps_prefixes=False),
            engine_ran_before=True,
            server_windows=(
                ServerWindow(
                    repeat=0, start_unix_ns=1, end_unix_ns=2_000_000_000, unknown="it has no counters"
                ),
            ),
            steps=len(steps),
            compiled_in_windows_s=0.01,
            warmup_ended=warmup_ended,
            stopped_because=reason,
        ),
    )


def write_run(
    parent: Path, name: str = NAME, *, raw: RawRun | None = None, interrupted: bool = False
) -> Path:
    """Write the bundle of that run or of `raw`, or what would have been kept of it had it been stopped at its end."""
    raw = raw or raw_run()
    facts = raw.facts.model_copy(update={"interrupted": "stopped by a signal"} if interrupted else {})
    files: dict[str, Writer] = {
        layout.CONFIG: partial(_write_text, text=dump_config(CONFIG)),
        layout.FACTS: partial(_write_text, text=facts_json(facts)),
        layout.TRACE: partial(write_trace, raw.trace),
        layout.REQUESTS: partial(write_requests, raw.requests),
        layout.PHASES: partial(write_phases, raw.phases),
    }
    if raw.steps is not None:
        files[layout.STEPS] = partial(write_steps, raw.steps)
    if not interrupted:
        assembled = assemble(CONFIG, raw)
        files[layout.RESULT] = partial(_write_text, text=result_json(assembled.result))
        if assembled.attribution is not None:
            files[layout.ATTRIBUTION] = partial(write_attribution, assembled.attribution)
    return write_bundle(parent, name, files)


def refresh_sums(folder: Path) -> None:
    """Cover the tracks: write SHA256SUMS anew from what is there."""
    files = sorted(path for path in folder.iterdir() if path.name != layout.CHECKSUMS)
    lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files]
    (folder / layout.CHECKSUMS).write_text("".join(lines), encoding="utf-8")


def read_json(folder: Path) -> Any:
    """Return the document in result.json."""
    return json.loads((folder / layout.RESULT).read_text(encoding="utf-8"))


def write_json(folder: Path, document: Any) -> None:
    """Replace result.json."""
    (folder / layout.RESULT).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path and the value of every leaf of a JSON document."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from leaves(value, (*path, key))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from leaves(value, (*path, index))
    else:
        yield path, document


class _Memory:
    """A device whose peak is higher in each window."""

    def __init__(self) -> None:
        self._windows = 0

    def reset_peak_memory(self) -> None:
        self._windows += 1

    def peak_memory_bytes(self) -> dict[str, int]:
        return {"cuda:0": 123_456_789 + self._windows}


def _with_conditions(trace: EnergyTrace) -> EnergyTrace:
    samples = trace.samples
    samples["temperature_c"] = 40 + (samples["t_unix_ns"] // 10**9) % 7
    samples["sm_clock_mhz"] = 1980 - (samples["t_unix_ns"] // 10**8) % 5
    samples["memory_clock_mhz"] = 2619
    samples["utilisation_pct"] = 97
    samples["throttle_reasons"] = 0x4
    return trace


def _snapshot() -> EnvironmentSnapshot:
    gpu = GPUEnvironment(name="NVIDIA H100", vram_total_mb=81559.0, index=0, power_limit_w=700.0)
    machine = EnvironmentMetadata(
        gpu=gpu,
        cuda=CUDAEnvironment(version="12.4", driver_version="550.54"),
        thermal=ThermalEnvironment(temperature_c=41.0),
        cpu=CPUEnvironment(platform="Linux", logical_cores=2),
        collected_at=datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=timezone.utc),
        gpus=(gpu,),
    )
    return EnvironmentSnapshot(
        hardware=machine, python_version="3.11.7", pip_freeze="numpy==2.0.0\n", tool_version="2.0.0"
    )


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
