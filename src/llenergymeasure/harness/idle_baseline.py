"""The bare idle baseline: power of the machine before anything is loaded, and what other processes use of it."""

from __future__ import annotations

from collections.abc import Collection

from llenergymeasure.config.models import BaselineConfig, MeasurementConfig
from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.interference import OtherLoad
from llenergymeasure.harness.baseline_cache import BaselineCache, stored_baseline
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.interference import OtherLoadWatch, refuse_busy_machine
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder


def measure_idle_baseline(
    protocol: MeasurementConfig, log: Recorder, power: Metering, running: Collection[int] | None = None
) -> tuple[OtherLoad, BaselineReuse | None]:
    """Meter the bare idle machine, or take over what a former run found, and look who else uses it.

    `running` are the processes of an engine that runs already, which are not others'; None where none does. With one,
    the machine is not bare, so that nothing is taken over or kept for later runs.

    Raises:
        PreFlightError: others use it, and `require_quiet` is set.
    """
    watch = OtherLoadWatch(log.clock, lambda: running or ())
    if protocol.baseline.reuse_max_age_s <= 0 or running is not None:
        measure_idle("baseline_idle", protocol.baseline.idle_s, log, power)
        return _look(watch, protocol, log), None
    cache = BaselineCache(power.channels)
    baseline = _reuse_or_measure(protocol.baseline, cache, log, power)
    neighbours = _look(watch, protocol, log)
    if baseline.origin == "measured" and not _disturbed(neighbours):
        cache.keep(stored_baseline(log, power))
    return neighbours, baseline


def _look(watch: OtherLoadWatch, protocol: MeasurementConfig, log: Recorder) -> OtherLoad:
    if protocol.require_quiet:
        log.clock.sleep(watch.too_short_by_s())
    neighbours = watch.look()
    if protocol.require_quiet:
        refuse_busy_machine(neighbours)
    return neighbours


def _reuse_or_measure(
    config: BaselineConfig, cache: BaselineCache, log: Recorder, power: Metering
) -> BaselineReuse:
    reuse = cache.take(config.reuse_max_age_s, log, power)
    if reuse.origin == "measured":
        measure_idle("baseline_idle", config.idle_s, log, power)
    return reuse


def _disturbed(neighbours: OtherLoad) -> bool:
    """Whether what was metered belongs to others too: no later run should take it for the idle machine."""
    return any([*neighbours.cpu_problems(), *neighbours.gpu_problems()])
