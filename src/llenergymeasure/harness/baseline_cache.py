"""A bare idle power that a former run stored, taken over on the same machine in the same state, after a check."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from llenergymeasure.core.machine_state import read_machine_state
from llenergymeasure.domain.baseline import BaselineReuse, StoredBaseline
from llenergymeasure.domain.trace import Channel, Phase
from llenergymeasure.harness.idle import measure_idle
from llenergymeasure.harness.metering import Metering
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.baseline_drift import baseline_drift
from llenergymeasure.metrics.energy.idle_power import baseline_to_store
from llenergymeasure.metrics.energy.running_account import LEAD_NS
from llenergymeasure.results.baseline_store import find_baseline, keep_baseline

CHECK_S = 2.0
SETTLE_S = 0.25
SETTLE_AT_MOST_S = 3.0
"""A slow counter ticks again within this; only then is the energy up to the end of a phase known."""


class BaselineCache:
    """The stored baseline of this machine in its present state, seen by these sensors."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        identity = {
            "machine": read_machine_state(),
            "channels": [channel.model_dump(mode="json") for channel in channels],
        }
        self._key = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]

    def take(self, max_age_s: float, log: Recorder, power: Metering) -> BaselineReuse:
        """Return the stored baseline if it is young enough and found unchanged, else why it must be measured."""
        stored = find_baseline(self._key)
        if stored is None:
            return BaselineReuse(origin="measured", reason="none is stored for this machine and its state")
        age_s = (log.clock.now_ns() - stored.measured_unix_ns) / 1e9
        if not 0 <= age_s <= max_age_s:
            return BaselineReuse(
                origin="measured", reason=f"the stored one is {age_s:.0f} s old, of {max_age_s:.0f} s at most"
            )
        drift = _check(stored, log, power)
        if drift is not None:
            return BaselineReuse(origin="measured", reason=drift)
        return BaselineReuse(origin="cached", age_s=age_s, stored=stored)

    def keep(self, baseline: StoredBaseline | None) -> None:
        """Store what a later run may take over; None is not stored."""
        if baseline is not None:
            keep_baseline(self._key, baseline)


def stored_baseline(log: Recorder, power: Metering) -> StoredBaseline | None:
    """Return the bare idle power that was just measured; None where some of it is not known."""
    phase = log.last("baseline_idle")
    return None if phase is None else baseline_to_store(_account_over(phase, log, power), phase)


def _check(stored: StoredBaseline, log: Recorder, power: Metering) -> str | None:
    measure_idle("baseline_check", CHECK_S, log, power)
    check = log.last("baseline_check")
    assert check is not None
    return baseline_drift(_account_over(check, log, power), check, stored)


def _account_over(phase: Phase, log: Recorder, power: Metering) -> EnergyAccount:
    """Return the account of the samples so far, when the energy of a phase that has just ended is known.

    It waits `SETTLE_AT_MOST_S` at most; the energy may then still be unknown.
    """
    waited_s = 0.0
    while True:
        account = EnergyAccount(power.trace(phase.start_unix_ns - LEAD_NS))
        unknown = bool(account.included) and account.energy(phase).energy_j is None
        if not unknown or waited_s >= SETTLE_AT_MOST_S:
            return account
        log.clock.sleep(SETTLE_S)
        waited_s += SETTLE_S
