"""Service level objectives that others have set: a literal table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

MLPERF = (
    "MLPerf Inference, LoadGen's limits of the Server scenario "
    "(https://github.com/mlcommons/inference/blob/001712e9daf80386e0dda43f97b8f36981d792c4/loadgen/mlperf.conf)"
)


@dataclass(frozen=True, kw_only=True)
class SloPreset:
    """Limits in seconds (None: no such objective) that `percentile` percent of the requests must keep."""

    ttft_s: float | None = None
    tpot_s: float | None = None
    e2e_s: float | None = None
    percentile: float = 99.0
    source: str = MLPERF


PRESETS: Mapping[str, SloPreset] = {
    "mlperf/llama3.1-8b/server": SloPreset(ttft_s=2.0, tpot_s=0.1),
    "mlperf/llama3.1-8b/interactive": SloPreset(ttft_s=0.5, tpot_s=0.03),
    "mlperf/llama2-70b/server": SloPreset(ttft_s=2.0, tpot_s=0.2),
    "mlperf/llama2-70b/interactive": SloPreset(ttft_s=0.45, tpot_s=0.04),
    "mlperf/llama3.1-405b/server": SloPreset(ttft_s=6.0, tpot_s=0.175),
    "mlperf/llama3.1-405b/interactive": SloPreset(ttft_s=4.5, tpot_s=0.08),
    "mlperf/mixtral-8x7b/server": SloPreset(ttft_s=2.0, tpot_s=0.2),
    "mlperf/deepseek-r1/server": SloPreset(ttft_s=2.0, tpot_s=0.08),
    "mlperf/deepseek-r1/interactive": SloPreset(ttft_s=1.5, tpot_s=0.015),
    "mlperf/gptj/server": SloPreset(e2e_s=20.0),
}
"""By name. A row states what its source states for that model; any model may be held to it."""
