"""The raw tables of energy and phases: the readings of each meter, and the intervals of a run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from llenergymeasure.core.record import Record
from llenergymeasure.domain.sample import FIELDS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Domain = Literal["gpu", "cpu", "dram", "system"]
ChannelMethod = Literal["counter", "sampled", "estimated"]
Scope = Literal["device", "shared_card", "module"]


MOST_RELATIVE_ERROR = 1e3
"""A sensor that is off by more says nothing, and its interval has no end that a number could state."""
MOST_LINEARITY_W = MOST_OFFSET_W = 1e6
"""More than any device draws."""


class ChannelKey(Record):
    """The identity of a sensor, by which it is found again in another run."""

    meter: str
    domain: Domain
    device: str
    """Stable identity: a GPU's UUID, `package-0`, `host`."""
    label: str
    """Its name in texts."""

    @property
    def short_name(self) -> str:
        """Its name in `energy.exclude`: `rapl:package-0`, `rapl:dram-0`, `nvml:0`."""
        number = re.match(r"GPU (\d+)\b", self.label) if self.domain == "gpu" else None
        memory = re.fullmatch(r"package-(\S+)/dram", self.device)
        if number:
            return f"{self.meter}:{number[1]}"
        if memory:
            return f"{self.meter}:dram-{memory[1]}"
        return f"{self.meter}:{self.domain if self.device == 'host' else self.device}"

    def is_named(self, name: str) -> bool:
        """Return whether a name in `energy.exclude` means this sensor: any of its names, or its meter and domain."""
        names = (
            self.short_name,
            self.label,
            self.device,
            f"{self.meter}:{self.device}",
            f"{self.meter}:{self.domain}",
        )
        return name.strip().lower() in [each.lower() for each in names if each]

    @property
    def key(self) -> ChannelKey:
        """The identity alone, without what a record adds to it."""
        return ChannelKey(meter=self.meter, domain=self.domain, device=self.device, label=self.label)


class Channel(ChannelKey):
    """One sensor of one meter: the samples of a trace refer to it by its index."""

    method: ChannelMethod
    ordinal: int | None = None
    """Of a GPU: its place among those that CUDA lets this process use, as in `cuda:0`."""
    included_in_total: bool = True
    """False for a sensor that is recorded but already contained in another one (RAPL psys, core)."""
    counter_range_j: float | None = Field(default=None, gt=0)
    """The counter wraps to 0 after this much energy; None where it does not."""
    update_period_s: float | None = Field(default=None, ge=0)
    """Period of the counter, or of power where there is none, as its maker or a calibration states it (0: every
    reading); None: estimated from its samples."""
    averaging_window_s: float | None = Field(default=None, ge=0)
    """Over how long each power reading averages, as a box that ends when it appears; None where that is not known."""
    relative_error: float = Field(default=0.0, ge=0, le=MOST_RELATIVE_ERROR)
    """Half-width of the sensor's systematic 95 % error, relative; the datasheet's, the model's, or a calibration's."""
    linearity: float = Field(default=0.0, ge=0, le=MOST_RELATIVE_ERROR)
    """Standard deviation of what readings differ from a straight line of the true power, over about a second, relative
    to the power; the larger of this and `linearity_w` counts."""
    linearity_w: float = Field(default=0.0, ge=0, le=MOST_LINEARITY_W)
    """The same in watts, whatever the power."""
    offset_error_w: float = Field(default=0.0, ge=0, le=MOST_OFFSET_W)
    """Half-width of a further systematic 95 % error in watts, the same at every power; a calibration does not change
    it, since it compares steps of power."""
    error_in_common: float = Field(default=0.0, ge=0, le=1)
    """Part of the half-widths of both errors that may have one sign in all sensors of its kind; the root of one less
    its square is of this sensor alone. 0: they err independently."""
    gain: float = Field(default=1.0, gt=0)
    """True over reported, by a calibration against a wall meter; every energy is multiplied by it."""
    scope: Scope = "device"
    """What the readings cover: the device, a card that others share (MIG, vGPU), a module with a CPU on it (GH200)."""
    read_from: str | None = None
    """The folder or library that was set in place of the system's own, so that the readings may not be the hardware's;
    None: the system's own."""
    activity_unknown: str | None = None
    """Of a GPU: why its samples tell no activity of SMs, tensor cores and memory; None where they do, and where its
    meter does not look."""
    note: str | None = None
    """What a reader must know: the power model of an estimate, what else the readings contain."""

    def systematic_error_w(self, power_w: float) -> float:
        """Return the half-width of its systematic error at some power."""
        return math.hypot(self.relative_error * power_w, self.offset_error_w)


class LeftOut(ChannelKey):
    """A sensor that the machine has, or should have, and that is not read."""

    reason: str
    remedy: str | None = None
    included_in_total: bool = True
    """Whether the total lacks it; False for one that is contained in another."""
    by_choice: bool = False
    """Left out by `energy.exclude`."""
    ordinal: int | None = None
    """Of a GPU: its place among those that CUDA lets this process use, as in `cuda:0`."""


class MeterPace(Record):
    """How often a meter was to be read, and how long a reading took."""

    meter: str
    period_s: float
    """The time between two readings that the sampler keeps to where it can."""
    reading_s: float | None = None
    """Median time that one reading took: of all its sensors, or of one where they are read in parallel."""
    in_parallel: bool = False
    """Whether its devices were read at the same time, since reading one after the other takes too long."""


class EnergyTrace:
    """All samples of a run, or of a stretch of it, in time order.

    Made from either the whole table, `samples`, or one table for each channel, `by_channel`; the other is derived when
    it is first asked for. All are structured arrays of shape (n,) with the fields of `domain.sample.FIELDS`.
    `interrupted` is the reason where the sampler died before the run ended.
    """

    def __init__(
        self,
        *,
        channels: Sequence[Channel],
        samples: NDArray[Any] | None = None,
        by_channel: Sequence[NDArray[Any]] | None = None,
        interrupted: str | None = None,
    ) -> None:
        if (samples is None) == (by_channel is None):
            raise ValueError("a trace is made from `samples` or from `by_channel`")
        self.channels = tuple(channels)
        self.interrupted = interrupted
        if samples is not None:
            self.samples = samples
        if by_channel is not None:
            self._by_channel = list(by_channel)

    def of(self, channel: int) -> NDArray[Any]:
        """Return the samples of one channel, in time order."""
        return self._by_channel[channel]

    @cached_property
    def samples(self) -> NDArray[Any]:
        """The samples of all channels, in time order."""
        import numpy as np

        rows = np.concatenate([np.empty(0, dtype=sample_dtype()), *self._by_channel])
        rows = rows[np.argsort(rows["t_unix_ns"], kind="stable")]
        rows.flags.writeable = False
        return rows

    @cached_property
    def _by_channel(self) -> list[NDArray[Any]]:
        """Every figure asks for them again, and looking through a long trace takes a while.

        From now on the samples can no longer be changed: these copies would not follow.
        """
        self.samples.flags.writeable = False
        return [self.samples[self.samples["channel"] == number] for number in range(len(self.channels))]


def hottest_c(channels: Sequence[Channel], latest_c: Mapping[int, float]) -> float | None:
    """Return the highest of the temperatures, given by index of channel; None where one of the GPUs does not say.

    Without a GPU among the channels, the highest of those that say anything.
    """
    gpus = {each.device for each in channels if each.domain == "gpu"}
    found_c: dict[str, float] = {}
    for index, temperature_c in latest_c.items():
        device = channels[index].device
        if not gpus or device in gpus:
            found_c[device] = max(temperature_c, found_c.get(device, temperature_c))
    return max(found_c.values()) if found_c and found_c.keys() >= gpus else None


def sample_dtype() -> np.dtype[Any]:
    """Return the numpy type of `EnergyTrace.samples`."""
    import numpy as np

    return np.dtype(list(FIELDS))


PhaseName = Literal[
    "cooldown",
    "baseline_check",
    "baseline_idle",
    "attach",
    "baseline_context",
    "load",
    "prepare",
    "baseline_loaded",
    "cache_fill",
    "warmup",
    "window",
]


@dataclass(frozen=True, kw_only=True)
class Phase:
    """An interval of the run, `[start_unix_ns, end_unix_ns)`; windows are numbered by `repeat` from 0."""

    name: PhaseName
    start_unix_ns: int
    end_unix_ns: int
    repeat: int | None = None
    complete: bool = True
    """False where the run was stopped or failed within it."""
    peak_memory_bytes: tuple[tuple[str, int], ...] = ()
    """By device (`cuda:0`, `host`), the most memory in use within a window; empty for other phases."""
    rung: int | None = None
    """Of a warm-up or a window: which of several loads it is of, from 0; None where the run has one load."""

    @property
    def duration_s(self) -> float:
        return (self.end_unix_ns - self.start_unix_ns) / 1e9


def complete_windows(phases: Iterable[Phase]) -> list[Phase]:
    """Return the windows that were measured to their end: those that figures are computed from."""
    return [phase for phase in phases if phase.name == "window" and phase.complete]
