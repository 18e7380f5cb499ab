"""What a run is judged by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import (
    CooldownSummary,
    DeviceConditions,
    EnergyBreakdown,
    RunWarning,
    WarmupSummary,
)
from llenergymeasure.domain.interference import Interference
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import WindowTotals


@dataclass(frozen=True, kw_only=True)
class CheckInputs:
    """Everything that the checks of a run look at."""

    config: ExperimentConfig
    rows: Sequence[WindowTotals]
    energy: EnergyBreakdown
    account: EnergyAccount
    conditions: Sequence[DeviceConditions] = ()
    cooldown: CooldownSummary | None = None
    warmup: WarmupSummary | None = None
    interference: Interference = field(default_factory=Interference)
    interrupted: str | None = None
    """Why the sampler ended before the run did."""
    stopped_because: str | None = None


Check = Callable[[CheckInputs], Iterable[RunWarning]]
