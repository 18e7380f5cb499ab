"""Claims about the progress of a run on standard error."""

from __future__ import annotations

import io
from collections.abc import Iterable

import pytest

from llenergymeasure.cli.progress import CLEAR, HIDE_CURSOR, SHOW_CURSOR, LiveLine, PlainLines, fitted, watch
from llenergymeasure.cli.status import Status, clock
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.progress import RunEvent

CONFIG = ExperimentConfig.model_validate(
    {
        "model": "x",
        "measurement": {
            "baseline": {"idle_s": 30, "context_s": 0, "loaded_s": 0},
            "warmup": {"min_duration_s": 0},
            "window": {"min_duration_s": 10},
        },
    }
)
WINDOW = RunEvent(kind="phase", phase="window", repeat=1)
HALFWAY = RunEvent(
    kind="progress", phase="window", repeat=1, fraction=0.5, output_tokens_per_s=26.123, power_w=13.21
)
WARNING = RunEvent(kind="log", level="warning", message="GPU persistence mode is off.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def plain(timed: Iterable[tuple[float, RunEvent]]) -> list[str]:
    """Return the lines printed for events at their seconds."""
    out = io.StringIO()
    now = [0.0]
    lines = PlainLines(Status(config=CONFIG, started_s=0.0), out, now=lambda: now[0])
    for now[0], event in timed:
        lines.on_event(event)
    return out.getvalue().splitlines()


def test_a_pipe_gets_one_line_a_phase() -> None:
    assert plain([(0.0, RunEvent(kind="phase", phase="baseline_idle")), (31.0, WINDOW)]) == [
        "idle baseline, about 1:00 left, 0:00 elapsed",
        "window 2 of at least 3, about 0:20 left, 0:31 elapsed",
    ]


def test_a_pipe_gets_at_most_one_line_in_ten_seconds_within_a_phase() -> None:
    lines = plain([(0.0, WINDOW), *((second / 4, HALFWAY) for second in range(1, 4 * 25))])
    assert len(lines) == 3
    assert lines[1] == "window 2 of at least 3, 50%, 26.1 tokens/s, 13.2 W, about 0:30 left, 0:10 elapsed"


def test_what_the_run_says_of_its_end_counts_more_than_the_plan() -> None:
    event = HALFWAY.model_copy(update={"remaining_s": 77.0})
    assert "about 1:17 left" in plain([(0.0, WINDOW), (11.0, event)])[-1]


def test_windows_beyond_the_least_number_count_towards_the_most() -> None:
    event = WINDOW.model_copy(update={"repeat": 4})
    assert plain([(0.0, event)])[0].startswith("window 5 of at most 10, ")


def test_estimated_watts_say_so() -> None:
    event = HALFWAY.model_copy(update={"power_is_estimated": True})
    assert "13.2 W estimated" in plain([(0.0, WINDOW), (11.0, event)])[-1]


def test_warnings_of_the_run_are_printed_also_when_quiet() -> None:
    assert plain([(0.0, WARNING)]) == ["warning: GPU persistence mode is off."]
    out = io.StringIO()
    with watch(CONFIG, out, quiet=True) as on_event:
        on_event(WINDOW)
        on_event(WARNING)
    assert out.getvalue() == "warning: GPU persistence mode is off.\n"


def test_the_live_line_leaves_a_clean_line_and_a_visible_cursor() -> None:
    out = Terminal()
    with LiveLine(Status(config=CONFIG, started_s=0.0), out) as line:
        line.on_event(HALFWAY)
        line.on_event(WARNING)
    text = out.getvalue()
    assert text.startswith(HIDE_CURSOR)
    assert text.endswith(CLEAR + SHOW_CURSOR)
    assert f"{CLEAR}warning: GPU persistence mode is off.\n" in text


def test_no_colour_means_no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for value, bold in (("1", False), (None, True)):
        out = Terminal()
        monkeypatch.setenv("NO_COLOR", value) if value else monkeypatch.delenv("NO_COLOR", raising=False)
        with LiveLine(Status(config=CONFIG, started_s=0.0), out) as line:
            line.on_event(HALFWAY)
        assert ("\x1b[1m" in out.getvalue()) is bold


def test_a_dumb_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    out = Terminal()
    with watch(CONFIG, out) as on_event:
        on_event(WINDOW)
    assert "\x1b" not in out.getvalue()


@pytest.mark.parametrize("width", [8, 40, 80, 120])
def test_the_line_fits_the_terminal_and_drops_the_least_telling_first(width: int) -> None:
    status = Status(config=CONFIG, started_s=0.0)
    status.take(WINDOW, 0.0)
    status.take(HALFWAY, 5.0)
    parts = status.parts(5.0)
    line = fitted(status.headline(), parts, width)
    assert len(line) <= width
    kept = line.split(" · ")[1:]
    assert kept == parts[: len(kept)]


def test_clocks_read_like_clocks() -> None:
    assert [clock(seconds) for seconds in (-1, 4.6, 65, 3723)] == ["0:00", "0:05", "1:05", "1:02:03"]
