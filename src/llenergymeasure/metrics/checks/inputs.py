"""The inputs of the checks of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.attribution import AttributionSummary
from llenergymeasure.domain.breakdowns.conditions import DeviceConditions
from llenergymeasure.domain.breakdowns.phase_split import PhaseSplit
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.breakdowns.traffic import TrafficSummary
from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.domain.experiment import (
    CooldownSummary,
    EnergyBreakdown,
    RunWarning,
    WarmupSummary,
)
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.server_side import ServerWindow
from llenergymeasure.domain.trace import LeftOut, MeterPace, Phase
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.counter_vs_power import find_stale_power
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.protocol.time_bins import TimeBins, time_bins
from llenergymeasure.metrics.signals.gaps import Gap


@dataclass(frozen=True, kw_only=True)
class CheckInputs:
    """Everything that the checks of a run look at."""

    config: ExperimentConfig
    rows: Sequence[WindowTotals]
    energy: EnergyBreakdown
    account: EnergyAccount
    phase_split: PhaseSplit = field(default_factory=PhaseSplit)
    """How the energy was split into prefill and decode."""
    attribution: AttributionSummary | None = None
    """How the energy was shared among requests; None where that is unknown."""
    requests: RequestTable = field(default_factory=RequestTable.empty)
    """All requests of the run."""
    phases: Sequence[Phase] = ()
    """All phases of the run."""
    model_info: ModelInfo | None = None
    conditions: Sequence[DeviceConditions] = ()
    cooldown: CooldownSummary | None = None
    warmup: WarmupSummary | None = None
    interference: Interference = field(default_factory=Interference)
    client: Sequence[ClientWindow] = ()
    """What the client of the load observed of itself, by window."""
    left_out: Sequence[LeftOut] = ()
    """Sensors that were not read."""
    paces: Sequence[MeterPace] = ()
    """How often each meter was to be read, and how long its readings took."""
    output_refusals: Sequence[str] = ()
    """What the file system of the output folder refuses."""
    closing_faults: Sequence[str] = ()
    """What failed when the run closed what it had opened."""
    interrupted: str | None = None
    """Why the sampler ended before the run did."""
    stopped_because: str | None = None
    estimates: Mapping[str, Estimate] = field(default_factory=dict)
    """The figures, by name."""
    traffic: TrafficSummary = field(default_factory=TrafficSummary)
    """How traffic was served."""
    fingerprints: Fingerprints | None = None
    prompt_facts: PromptFacts | None = None
    serving: ServingFacts | None = None
    """How the engine serves."""
    prefix_cache: PrefixCacheFacts | None = None
    """What was done about the prefix cache of the engine."""
    max_batch_size: int | None = None
    """How many requests the backend computes together at most; None where clients send single ones."""
    compiled_in_windows_s: float | None = None
    """How long the backend compiled between the start of the first window and the end of the last."""
    engine_ran_before: bool = False
    """Whether the engine ran, with its model loaded, before the idle baseline."""
    server_windows: Sequence[ServerWindow] = ()
    """What the server counted over each window; empty where the backend talks to none."""

    @property
    def compute_devices(self) -> Sequence[str]:
        """Where the weights lie: `cpu`, `cuda:0`; empty where that is not known."""
        return self.model_info.devices if self.model_info else ()

    @property
    def gpu_uuids(self) -> Mapping[str, str]:
        """The UUIDs of the cards among them, by device; empty where the backend does not say."""
        return self.model_info.gpu_uuids if self.model_info else {}

    @property
    def windows(self) -> list[Phase]:
        """The complete windows."""
        return [row.window for row in self.rows]

    @cached_property
    def bins(self) -> TimeBins:
        """Inter-token latency and power in bins of time, over the complete windows."""
        return time_bins(self.requests, self.account, self.windows)

    @cached_property
    def stale_power(self) -> tuple[Gap | None, ...]:
        """The longest time within the windows in which the power reading of each channel was stale."""
        return tuple(
            find_stale_power(self.account, index, self.windows) for index in range(len(self.account.curves))
        )


Check = Callable[[CheckInputs], Iterable[RunWarning]]
