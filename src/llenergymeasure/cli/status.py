"""The current state of a run, and its one-line text."""

from __future__ import annotations

from dataclasses import dataclass, field

from llenergymeasure.cli.timeleft import TimeLeft
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.progress import RunEvent

NAMES = {
    "cooldown": "cooling down",
    "baseline_check": "checking the stored idle baseline",
    "baseline_idle": "idle baseline",
    "attach": "creating the device context",
    "baseline_context": "idle, context created",
    "load": "loading the model",
    "prepare": "preparing the prompts",
    "baseline_loaded": "idle, model loaded",
    "cache_fill": "filling the prefix cache",
    "warmup": "warm-up",
    "window": "window",
}
START = "pre-flight"


@dataclass
class Status:
    """The state of a run from its latest events; times are seconds of any monotonic clock."""

    config: ExperimentConfig
    started_s: float
    phase: str = ""
    repeat: int | None = None
    phase_started_s: float = 0.0
    latest: RunEvent = field(default_factory=lambda: RunEvent(kind="progress"))

    def __post_init__(self) -> None:
        self.phase_started_s = self.started_s
        self._time_left = TimeLeft(
            protocol=self.config.measurement,
            has_context=self.config.device != "cpu",
            pass_requests=self.config.workload.n_prompts if self.config.load.kind == "offline" else None,
        )

    def take(self, event: RunEvent, now_s: float) -> None:
        """Take in a `phase` or `progress` event."""
        if event.kind == "phase":
            if self.phase == "window":
                self._time_left.note_window(now_s - self.phase_started_s)
            self.phase, self.repeat = event.phase or "", event.repeat
            self.phase_started_s = now_s
        elif event.phase == "window" and event.fraction is not None:
            self._time_left.note_progress(event.fraction, now_s - self.phase_started_s)
        elif event.phase == "warmup":
            self._time_left.note_warmup(event.fraction, event.requests_per_s, now_s - self.phase_started_s)
        self.latest = event

    def headline(self) -> str:
        """Return the phase, with its number where there are several."""
        if not self.phase:
            return START
        name = NAMES.get(self.phase, self.phase)
        cap_s = self.config.measurement.warmup.max_duration_s
        if self.phase == "warmup" and cap_s is not None:
            return f"{name} until steady, at most {clock(cap_s)}"
        return name if self.repeat is None else f"{name} {self._number(self.repeat + 1)}"

    def parts(self, now_s: float) -> list[str]:
        """Return the details beside the headline, most important first."""
        event, elapsed_s = self.latest, now_s - self.started_s
        rate, power, left = event.output_tokens_per_s, event.power_w, self._left_s(now_s)
        parts = [
            None if event.fraction is None else f"{event.fraction:.0%}",
            None if event.temperature_c is None else f"{event.temperature_c:.0f} °C",
            None if rate is None else f"{rate:.3g} tokens/s",
            None if power is None else f"{power:.1f} W{' estimated' if event.power_is_estimated else ''}",
            None if left is None else f"about {clock(left)} left",
            f"{clock(elapsed_s)} elapsed",
        ]
        return [part for part in parts if part is not None]

    def _number(self, window: int) -> str:
        repeats, rungs = self.config.measurement.repeats, len(self.config.load.rungs()) or 1
        if repeats.min == repeats.max or repeats.target_relative_ci is None:
            return f"{window} of {repeats.min * rungs}"
        if rungs > 1:
            return f"{window} of at least {repeats.min * rungs}"
        return (
            f"{window} of at least {repeats.min}"
            if window <= repeats.min
            else f"{window} of at most {repeats.max}"
        )

    def _left_s(self, now_s: float) -> float | None:
        if self.latest.remaining_s is not None:
            return self.latest.remaining_s
        return self._time_left.seconds(self.phase, self.repeat, now_s - self.phase_started_s)


def clock(seconds: float) -> str:
    """Return `0:42`, `12:05`, `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
