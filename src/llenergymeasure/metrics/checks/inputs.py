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
from llenergymeasure.domain.interference import Isolation
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import RepeatRow


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Everything that the checks of a run look at."""

    config: ExperimentConfig
    rows: Sequence[RepeatRow]
    energy: EnergyBreakdown
    account: EnergyAccount
    conditions: Sequence[DeviceConditions] = ()
    cooldown: CooldownSummary | None = None
    warmup: WarmupSummary | None = None
    isolation: Isolation = field(default_factory=Isolation)
    interrupted: str | None = None
    """Why the sampler ended before the run did."""
    stopped_because: str | None = None


Check = Callable[[Evidence], Iterable[RunWarning]]
