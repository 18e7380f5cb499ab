"""For people who write a backend, a meter or a workload: stand-ins to run against, conformance checks to pass."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field, ValidationError

from llenergymeasure.backends.base import Backend, Generation, PreparedBatch
from llenergymeasure.config.base import Section
from llenergymeasure.config.models import ExperimentConfig, WorkloadConfig
from llenergymeasure.core.clock import AnchoredClock, Clock
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.sample import Sample
from llenergymeasure.domain.trace import Channel, EnergyTrace, sample_dtype
from llenergymeasure.exceptions import BackendError
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.workloads.base import Workload

__all__ = [
    "KnownPower",
    "StandInBackend",
    "VirtualClock",
    "check_backend",
    "check_meter",
    "check_workload",
]


@dataclass
class VirtualClock:
    """A clock that moves only when something sleeps on it."""

    time_ns: int = 1_700_000_000_000_000_000

    def now_ns(self) -> int:
        return self.time_ns

    def sleep(self, seconds: float) -> None:
        self.time_ns += round(seconds * 1e9)


@dataclass
class KnownPower:
    """A power source whose truth is stated: `power_w` watts at any Unix nanosecond, read as a ticking counter."""

    clock: VirtualClock
    power_w: Callable[[int], float]
    tick_s: float = 0.02
    _start_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._start_ns = self.clock.now_ns()

    def latest_power_w(self) -> float | None:
        return self.power_w(self.clock.now_ns())

    def latest_temperature_c(self) -> float | None:
        return None

    def trace_so_far(self) -> EnergyTrace:
        import numpy as np

        step_ns = round(self.tick_s * 1e9)
        energy_j = 0.0
        rows: list[Sample] = []
        for time_ns in range(self._start_ns, self.clock.now_ns() + step_ns, step_ns):
            watts = self.power_w(time_ns)
            rows.append(Sample(channel=0, t_unix_ns=time_ns, energy_j=energy_j, power_w=watts))
            energy_j += watts * self.tick_s
        channel = Channel(meter="known", domain="gpu", device="GPU-0", label="known power", method="counter")
        return EnergyTrace(
            channels=(channel,), samples=np.array([tuple(row) for row in rows], dtype=sample_dtype())
        )


class StandInOptions(Section):
    """What the stand-in does, under `options:`."""

    token_s: float = Field(0.001, ge=0)
    """Time one decoding step of a batch takes."""
    output_tokens: int = Field(8, ge=1)
    """Tokens of every answer; `workload.max_output_tokens` still limits them."""
    batch_size: int = Field(4, ge=1)
    """Requests that are generated together."""
    drift: float = 0.0
    """Each batch takes this fraction longer than the one before."""
    fail_at_batch: int | None = None
    """Run out of memory at this batch, counted over the whole run from 0."""


class StandInBackend:
    """Serves made-up tokens at a stated speed: it needs nothing, and its costs are known."""

    name: ClassVar[str] = "standin"
    requires: ClassVar[tuple[str, ...]] = ()
    install: ClassVar[str] = "pip install llenergymeasure"

    def __init__(self) -> None:
        self._options = StandInOptions()
        self._max_output_tokens = 1
        self._clock: Clock = AnchoredClock()
        self._served = 0

    def check(self, config: ExperimentConfig) -> list[str]:
        try:
            StandInOptions.model_validate(config.options or {})
        except ValidationError as error:
            return [f"options.{each['loc'][0]}: {each['msg']}" for each in error.errors()]
        return []

    def attach(self, config: ExperimentConfig, clock: Clock) -> None:
        """There is no device here."""

    def load(self, config: ExperimentConfig, clock: Clock) -> ModelInfo:
        self._options = StandInOptions.model_validate(config.options or {})
        self._max_output_tokens = config.workload.max_output_tokens
        self._clock = clock
        return ModelInfo(
            name=config.model,
            architecture="StandIn",
            n_parameters=1000,
            n_matmul_parameters=1000,
            dtype=config.precision,
        )

    def prepare(self, prompts: Sequence[Prompt]) -> list[PreparedBatch]:
        size = self._options.batch_size
        chunks = [prompts[start : start + size] for start in range(0, len(prompts), size)]
        return [
            PreparedBatch(
                index=index,
                prompt_ids=tuple(prompt.prompt_id for prompt in chunk),
                prompt_tokens=tuple(prompt.n_tokens or len((prompt.text or "").split()) for prompt in chunk),
                inputs=None,
            )
            for index, chunk in enumerate(chunks)
        ]

    def generate(self, batch: PreparedBatch) -> list[Generation]:
        if self._served == self._options.fail_at_batch:
            raise BackendError("out of memory in the stand-in: lower options.batch_size")
        sent = self._clock.now_ns()
        times = self._decode()
        self._served += 1
        return [
            Generation(
                prompt_id=prompt_id,
                prompt_tokens=prompt_tokens,
                output_tokens=len(times),
                sent_unix_ns=sent,
                first_token_unix_ns=times[0],
                end_unix_ns=times[-1],
                token_unix_ns=times,
                finish_reason="length",
            )
            for prompt_id, prompt_tokens in zip(batch.prompt_ids, batch.prompt_tokens, strict=True)
        ]

    def _decode(self) -> tuple[int, ...]:
        step_s = self._options.token_s * (1 + self._options.drift) ** self._served
        times = []
        for _ in range(min(self._options.output_tokens, self._max_output_tokens)):
            self._clock.sleep(step_s)
            times.append(self._clock.now_ns())
        return tuple(times)

    def synchronize(self) -> None:
        """Nothing runs behind the host's back here."""

    def reset_peak_memory(self) -> None:
        """There is no device whose memory could be asked for."""

    def peak_memory_bytes(self) -> dict[str, int]:
        return {}

    def close(self) -> None:
        self._served = 0


def check_backend(backend_class: type[Backend], config: ExperimentConfig, prompts: Sequence[Prompt]) -> None:
    """Run a backend through one life and check what the harness relies on.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    _check_declarations(backend_class)
    refusals = backend_class().check(config)
    assert refusals == [], f"check() refuses the configuration it was given: {refusals}"
    backend = backend_class()
    clock = AnchoredClock()
    try:
        backend.attach(config, clock)
        info = backend.load(config, clock)
        assert info.n_parameters > 0, "load() says how many parameters the model has"
        _check_batches(backend, backend.prepare(prompts), prompts, clock)
        backend.reset_peak_memory()
        assert all(size > 0 for size in backend.peak_memory_bytes().values()), (
            "a peak is positive or left out"
        )
    finally:
        backend.close()
    backend.close()


def _check_batches(
    backend: Backend, batches: Sequence[PreparedBatch], prompts: Sequence[Prompt], clock: Clock
) -> None:
    asked = [prompt.prompt_id for prompt in prompts]
    batched = [prompt_id for batch in batches for prompt_id in batch.prompt_ids]
    assert batched == asked, "prepare() keeps every prompt, in order"
    for batch in batches:
        before = clock.now_ns()
        served = backend.generate(batch)
        backend.synchronize()
        assert [each.prompt_id for each in served] == list(batch.prompt_ids), "generate() keeps the order"
        for each, prompt_tokens in zip(served, batch.prompt_tokens, strict=True):
            _check_generation(each, prompt_tokens, before, clock.now_ns())


def _check_generation(generation: Generation, prompt_tokens: int, before_ns: int, after_ns: int) -> None:
    assert generation.prompt_tokens == prompt_tokens, "prompt tokens are those that prepare() counted"
    assert generation.output_tokens >= 1, "every answer has a token"
    assert before_ns <= generation.sent_unix_ns <= generation.end_unix_ns <= after_ns, "times are the clock's"
    times = generation.token_unix_ns
    assert list(times) == sorted(times), "token times do not run backwards"
    assert len(times) in (0, generation.output_tokens), "one time per output token, or none at all"
    if generation.first_token_unix_ns is not None:
        assert generation.sent_unix_ns <= generation.first_token_unix_ns <= generation.end_unix_ns, (
            "the first token comes between sending and end"
        )


def check_meter(meter_class: type[Meter], options: MeterOptions | None = None, readings: int = 3) -> None:
    """Probe a meter, and where it is available open it, read it and close it.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    _check_declarations(meter_class)
    assert meter_class().period_s > 0, "period_s says how often the sensor is worth reading"
    options = options or MeterOptions()
    status = meter_class().probe(options)
    if not status.available:
        assert status.reason, "a meter that is not available says why"
        return
    assert len(status.readings) == len(status.channels), "probe() gives one reading per channel"
    meter = meter_class()
    clock = AnchoredClock()
    try:
        channels = meter.open(options)
        assert channels, "open() gives at least one channel"
        assert all(channel.meter == meter_class.name for channel in channels), (
            "channels bear the meter's name"
        )
        assert len({(channel.domain, channel.device, channel.label) for channel in channels}) == len(channels)
        for _ in range(readings):
            _check_samples(meter.read(clock.offset_ns), len(channels), clock)
            clock.sleep(meter.period_s)
    finally:
        meter.close()
    meter.close()


def _check_samples(samples: Sequence[Sample], n_channels: int, clock: Clock) -> None:
    for sample in samples:
        assert 0 <= sample.channel < n_channels, "samples index the channels of open()"
        assert abs(sample.t_unix_ns - clock.now_ns()) < 5e9, "samples bear the run's own time"
        known = sample.energy_j == sample.energy_j or sample.power_w == sample.power_w
        assert known or sample.error, "a sample without energy and power carries the error that explains it"


def check_workload(workload_class: type[Workload], config: WorkloadConfig) -> None:
    """Ask a workload for prompts twice and check that they are the same, distinct and as many as asked for.

    Raises:
        AssertionError: with the rule that does not hold.
    """
    assert workload_class.name, "a workload has a name"
    problem = workload_class().check(config)
    assert problem is None, f"check() refuses the configuration it was given: {problem}"
    seed = random.Random(0).randrange(2**31)
    prompts = workload_class().prompts(config, seed)
    assert len(prompts) == config.n_prompts, "n_prompts is what is asked for, and what is given"
    assert len({prompt.prompt_id for prompt in prompts}) == len(prompts), "every prompt has an id of its own"
    assert all((prompt.text is None) != (prompt.n_tokens is None) for prompt in prompts), (
        "a prompt is a text, or a number of tokens"
    )
    assert workload_class().prompts(config, seed) == prompts, "the same seed gives the same prompts"


def _check_declarations(plugin: Any) -> None:
    assert plugin.name, "a plugin has a name"
    assert isinstance(plugin.requires, tuple), "requires lists the modules that must be importable"
    assert plugin.install.startswith(("pip ", "sudo ", "apt")), "install is a command that can be pasted"
