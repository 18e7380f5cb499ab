"""The raw tables of one run: all that its figures are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field

from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.environment import EnvironmentSnapshot
from llenergymeasure.domain.experiment import WarmupEnd
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.model import ModelInfo
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.trace import EnergyTrace, Phase


@dataclass(frozen=True, kw_only=True)
class RawRun:
    """What a run leaves behind, whether it ended or was stopped."""

    trace: EnergyTrace
    phases: tuple[Phase, ...]
    requests: tuple[RequestRecord, ...]
    model_info: ModelInfo | None = None
    peak_memory_bytes: dict[str, int] = field(default_factory=dict)
    snapshot: EnvironmentSnapshot | None = None
    interference: Interference = field(default_factory=Interference)
    baseline: BaselineReuse | None = None
    """None where no stored baseline was allowed."""
    warmup_ended: WarmupEnd | None = None
    stopped_because: str | None = None
