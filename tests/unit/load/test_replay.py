"""A replay sends requests at the times of its trace, on a virtual clock."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from llenergymeasure.config.load import ReplayLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.window import measure_window
from llenergymeasure.load.base import WindowPlan
from llenergymeasure.testing import StreamingStandInBackend, VirtualClock
from tests.support.driving import timed

TIMES_S = (10.0, 10.5, 10.5, 12.0, 13.0)
PROMPTS = [Prompt(prompt_id=f"p{number}", n_tokens=10, token_seed=number) for number in range(5)]


def _window(tmp_path: Path, seconds: float, **load: object) -> tuple[RequestTable, Recorder]:
    trace = tmp_path / "trace.jsonl"
    trace.write_text("".join(f'{{"time_s": {time_s}}}\n' for time_s in TIMES_S))
    clock, backend = VirtualClock(), StreamingStandInBackend()
    log = Recorder(clock=clock)
    options = {"token_s": 0.01, "prefill_s": 0.05}
    backend.load(ExperimentConfig(model="any", backend="standin_streaming", standin_streaming=options), clock)
    replay = ReplayLoad.model_validate({"kind": "replay", "file": str(trace), **load})
    driver = timed(replay, backend, PROMPTS, clock)
    measure_window(driver, WindowPlan(min_duration_s=seconds), 0, log, Unmetered())
    driver.drain()
    driver.close()
    return log.requests.table(), log


def _due_s(table: RequestTable, log: Recorder) -> list[float]:
    due = np.sort(table.scheduled_unix_ns[table.repeat == 0] - log.phases[0].start_unix_ns) / 1e9
    return [round(float(each), 3) for each in due if each < log.phases[0].duration_s]


def test_requests_are_due_at_the_times_of_the_trace_from_the_start_of_the_window(tmp_path: Path) -> None:
    table, log = _window(tmp_path, 1.0)
    assert _due_s(table, log) == [0.0, 0.5, 0.5, 2.0, 3.0]
    order = table.select(np.argsort(table.scheduled_unix_ns, kind="stable")).request_id.tolist()
    assert [name.rpartition(".")[2] for name in order[:5]] == ["p0", "p1", "p2", "p3", "p4"]


def test_speed_divides_the_times(tmp_path: Path) -> None:
    table, log = _window(tmp_path, 1.0, speed=2.0)
    assert _due_s(table, log) == [0.0, 0.25, 0.25, 1.0, 1.5]


@pytest.mark.parametrize(("seconds", "passes"), [(1.0, 1), (4.0, 2), (8.0, 3)])
def test_a_window_is_made_of_whole_passes(tmp_path: Path, seconds: float, passes: int) -> None:
    """Of 3 s, and a mean distance between requests after the last one."""
    table, log = _window(tmp_path, seconds)
    assert log.phases[0].duration_s == pytest.approx(passes * 3.75)
    assert len(_due_s(table, log)) == passes * 5
