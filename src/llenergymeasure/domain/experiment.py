"""The result of one experiment, as `result.json` holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, Field, PrivateAttr

from llenergymeasure.constants import SCHEMA_VERSION
from llenergymeasure.core.record import Record
from llenergymeasure.domain.baseline import BaselineReuse, Origin
from llenergymeasure.domain.breakdowns.attribution import AttributionSummary
from llenergymeasure.domain.breakdowns.conditions import DeviceConditions
from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.breakdowns.memory import MemoryUse
from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheUse
from llenergymeasure.domain.breakdowns.roofline import Roofline
from llenergymeasure.domain.breakdowns.served import Served
from llenergymeasure.domain.breakdowns.traffic import TrafficSummary
from llenergymeasure.domain.environment import EnvironmentMetadata, EnvironmentSnapshot
from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.server_side import ServerWindow
from llenergymeasure.domain.trace import ChannelKey
from llenergymeasure.domain.uncertainty import UncertaintyBudget

Verdict = Literal["valid", "valid_with_warnings", "invalid"]
Severity = Literal["info", "warning", "invalid"]
"""`invalid` makes the verdict invalid, `info` leaves it valid."""


class RunWarning(Record):
    """A warning about the run: a stable code, a sentence with numbers, and what to do about it."""

    code: str
    message: str
    remedy: str
    severity: Severity = "warning"
    magnitude: float | None = None
    """How large the problem is, mostly as a fraction; the table of warnings says of what. None where it has no size."""


class Repeat(Record):
    """One pass through the window: the interval over which its energy, time and tokens are counted.

    Of an open loop and a replay it is the steady part of the window.
    """

    start_unix_ns: int
    end_unix_ns: int
    duration_s: float
    energy_j: float | None
    """Gross, over every counted device; None where one of them could not be measured."""
    input_tokens: int
    output_tokens: int
    requests: int
    """Answered requests that ended in the window."""
    failed_requests: int = 0
    """Requests that ended in the window without an answer."""
    cut_off_requests: int = 0
    """Requests under way at an edge of the window; latency leaves them out."""
    rung: int | None = None
    """Which of several loads it is of, from 0; None where the run has one load."""


class DeviceEnergy(ChannelKey):
    """Energy of one device over all windows, and its idle powers."""

    method: Method
    energy_j: float | None
    mean_power_w: float | None
    idle_power_w: float | None = None
    """Of the bare machine."""
    context_power_w: float | None = None
    """With the device's context created, nothing loaded."""
    loaded_power_w: float | None = None
    """With the model loaded and waiting."""
    included_in_total: bool = True
    note: str | None = None
    reason: str | None = None
    """Why `energy_j` is None."""


class BaselineUsed(Record):
    """The idle power that is subtracted: its phase, and whether this run or an earlier one measured it."""

    phase: Literal["baseline_idle", "baseline_loaded"]
    origin: Origin


class EnergyBreakdown(Record):
    """Energy split by device, and where the idle power came from that net and marginal energy are less by."""

    method: Method | None = None
    """The weakest method among the counted devices: estimated, then sampled, then counter."""
    by_device: tuple[DeviceEnergy, ...] = ()
    net_baseline: BaselineUsed | None = None
    marginal_baseline: BaselineUsed | None = None


WarmupEnd = Literal["steady", "cap", "fixed"]
"""Why the warm-up ended. steady: slopes flat; cap: not steady within max_duration_s; fixed: no steadiness required."""


class Change(Record):
    """Relative change of a series, with the 95 % interval; 0.1 means 10 % up."""

    change: float
    low: float
    high: float
    points: int


class WarmupSummary(Record):
    """Length of the warm-up, and the changes over its later half, projected over the length of a window."""

    requests: int
    duration_s: float
    ended_because: WarmupEnd
    latency: Change | None = None
    """Of the inter-token latency; None with fewer than five bins of time that have tokens."""
    power: Change | None = None
    """Of mean power; None where it is known in fewer than five bins of time."""


class CooldownSummary(Record):
    """The wait for the start temperature; temperatures are None where a device reports none."""

    limit_c: float
    duration_s: float
    before_c: float | None
    after_c: float | None
    """When the wait ended."""
    reached: bool
    """Whether `after_c` is within the limit."""


class PhaseSummary(Record):
    """One phase of the run with its duration and energy."""

    name: str
    repeat: int | None = None
    duration_s: float
    energy_j: float | None = None


class ExperimentResult(Record):
    """One experiment: figures with their 95 % intervals, and what is needed to judge them.

    The headline fields from `total_energy_j` to `mbu` are the figures of the table in `metrics.figures`, which
    docs/reference/metrics.md describes. A figure that the table has and this class does not declare is a further field
    of the same kind. A figure that could not be measured is None, and `unknown` says why.
    """

    model_config = ConfigDict(extra="allow")

    _bundle: Path | None = PrivateAttr(default=None)

    schema_version: str = SCHEMA_VERSION
    experiment_id: str
    config_hash: str
    backend: str
    model: str
    device: str
    verdict: Verdict = "valid"
    total_energy_j: float | None = None
    energy_per_output_token_j: float | None = None
    energy_per_input_token_j: float | None = None
    energy_per_token_j: float | None = None
    energy_per_request_j: float | None = None
    mean_power_w: float | None = None
    idle_power_w: float | None = None
    context_power_w: float | None = None
    loaded_power_w: float | None = None
    net_energy_j: float | None = None
    marginal_energy_j: float | None = None
    load_energy_j: float | None = None
    total_inference_time_s: float = 0.0
    output_tokens_per_s: float | None = None
    ttft_s: float | None = None
    tpot_s: float | None = None
    total_requests: int = 0
    failed_requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    total_flops: float | None = None
    goodput_requests_per_s: float | None = None
    slo_attainment: float | None = None
    energy_per_good_request_j: float | None = None
    acceptance_rate: float | None = None
    mfu: float | None = None
    mbu: float | None = None
    peak_memory_bytes: dict[str, int] = Field(default_factory=dict)
    """Peak during the windows, by device (`cuda:0`, `host`)."""
    memory: MemoryUse = MemoryUse()
    """What took the memory of each device in the windows, and what more would fit."""
    energy: EnergyBreakdown = EnergyBreakdown()
    estimates: dict[str, Estimate] = Field(default_factory=dict)
    """By the name of a figure: its value and interval."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a figure that is None: why."""
    uncertainty: dict[str, UncertaintyBudget] = Field(default_factory=dict)
    """By the name of an energy or power among the estimates: the terms of its interval."""
    roofline: Roofline | None = None
    """What the cards could do, and what bounds prefill and decoding; None where an older release measured."""
    latency: dict[str, Distribution] = Field(default_factory=dict)
    """By the name of a metric: its distribution over the answered requests that began and ended inside a window."""
    latency_with_failures: dict[str, Distribution] = Field(default_factory=dict)
    """The same with failed requests as infinitely late, for the metrics that have a meaning for them."""
    warnings: tuple[RunWarning, ...] = ()
    repeats: tuple[Repeat, ...] = ()
    phases: tuple[PhaseSummary, ...] = ()
    phase_split: PhaseSplit = PhaseSplit()
    """How the energy of the windows was split into prefill and decode."""
    traffic: TrafficSummary = TrafficSummary()
    """How traffic was served: steady parts, objectives, and several loads."""
    conditions: tuple[DeviceConditions, ...] = ()
    """Temperature, clocks and throttling of each device that reports them."""
    interference: Interference = Interference()
    """Other load on the machine."""
    cooldown: CooldownSummary | None = None
    """None where none was configured."""
    baseline: BaselineReuse | None = None
    """Where the bare idle power came from; None where no stored one was allowed."""
    warmup: WarmupSummary | None = None
    """None where there was none."""
    attribution: AttributionSummary | None = None
    """How the energy was shared among requests; None where the backend reports no steps, and `unknown` says why."""
    prefix_cache: PrefixCacheUse | None = None
    """The prefix cache of the engine; None where an older release measured."""
    server_windows: tuple[ServerWindow, ...] = ()
    """What the server counted over each window, beside what its client saw; empty where the backend talks to none."""
    served: Served | None = None
    """How the requests were served, for comparisons; None where an older release measured."""
    stopped_because: str | None = None
    """Why no further repeat was made: `fixed`, `target_reached`, `max_reached`."""
    model_info: ModelInfo | None = None
    experiment_hash: str | None = None
    """Of configuration and fingerprints together; None where an older release measured."""
    fingerprints: Fingerprints | None = None
    """Digests of prompts, weights and tokenizer; None where an older release measured."""
    config: dict[str, Any] = Field(default_factory=dict)
    """The resolved configuration, as in config.yaml."""
    environment: EnvironmentMetadata | None = None
    environment_snapshot: EnvironmentSnapshot | None = Field(
        default=None, description="Full software+hardware environment snapshot (v2.0)"
    )

    @property
    def bundle(self) -> Path | None:
        """The folder that this result was read from, absolute; None for one that was read from nowhere.

        It is not part of result.json: a bundle may be moved.
        """
        return self._bundle

    def __eq__(self, other: object) -> bool:
        """Whether all that was measured is the same, wherever the bundles lie."""
        if not isinstance(other, ExperimentResult):
            return NotImplemented
        there = other.model_copy()
        there._bundle = self._bundle
        return super().__eq__(there)

    __hash__ = Record.__hash__

    def read_from(self, bundle: Path) -> ExperimentResult:
        """Return this result with the folder that it was read from."""
        copy = self.model_copy()
        copy._bundle = bundle.absolute()
        return copy
