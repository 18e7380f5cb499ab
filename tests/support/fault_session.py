"""One metered session on a machine of which every card has another fault; prints what became of each as JSON.

Run in a process of its own, which loads the simulated NVML library.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.domain.trace import EnergyTrace, Phase, PhaseName
from llenergymeasure.harness.interference import OtherLoadWatch
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.meters.nvml.meter import NvmlMeter
from llenergymeasure.meters.sampling.sampler import Sampler
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from tests.simulators.nvml.machine import (
    NOT_SUPPORTED,
    UNKNOWN,
    Fault,
    MigDevice,
    NvmlMachine,
    Process,
    SimulatedGpu,
    Throttle,
)
from tests.simulators.nvml.profiles import a100, h100, v100
from tests.simulators.signals import Constant, Square, Steps

LEAD_S = 3.0
"""Until then the sampler has started."""
IDLE = (LEAD_S, LEAD_S + 0.7)
WINDOWS = tuple((4.0 + 1.6 * number, 5.5 + 1.6 * number) for number in range(3))
FAULT_S = 6.3
"""Within the second window."""
END_S = 9.2
FOREIGN_PID = 1
THERMAL = 0x040

WAVE = Square(low=80.0, high=420.0, period_s=0.73, phase_s=0.2)
STEADY = Constant(310.0)
STARTED = Steps(70.0, [(3.85, 310.0)])
WRAP_MJ = 5_000_000.0 + FAULT_S * 310_000.0

KNOBS: Mapping[str, SimulatedGpu] = {
    "sound": a100(power=WAVE),
    "counter reset": a100(power=WAVE, counter_reset_at_s=FAULT_S),
    "counter wrap": a100(power=STEADY, counter_wrap_mj=WRAP_MJ),
    "counter frozen": a100(power=WAVE, counter_freeze_at_s=FAULT_S),
    "counter frozen from the start": v100(power=STEADY, counter_freeze_at_s=0.0),
    "counter unsupported": v100(power=STEADY, counter=None),
    "lost": a100(power=WAVE, lost_at_s=FAULT_S),
    "blank counter": a100(power=WAVE, faults=(Fault(call="energy", code=0, every=3),)),
    "blank power": a100(power=WAVE, faults=(Fault(call="power", code=0, every=3),)),
    "errors at a rate": a100(power=WAVE, faults=(Fault(call="energy", code=UNKNOWN, every=3),)),
    "errors in a window": a100(
        power=WAVE, faults=(Fault(call="energy", code=UNKNOWN, start_s=4.5, end_s=5.2),)
    ),
    "no power beside the counter": a100(power=WAVE, faults=(Fault(call="power", code=NOT_SUPPORTED),)),
    "stale power": a100(power=WAVE, power_freeze_at_s=FAULT_S),
    "stale power without a counter": a100(power=WAVE, counter=None, power_freeze_at_s=FAULT_S),
    "counter and power differ": h100(power=STARTED, gain=1.1),
    "foreign process": a100(power=WAVE, processes=(Process(pid=FOREIGN_PID),)),
    "throttling": a100(power=WAVE, throttle=Throttle(mask=THERMAL, start_s=LEAD_S)),
    "MIG": a100(
        power=WAVE, mig=True, mig_devices=(MigDevice(uuid="MIG-3b9e1f52-64c0-5d7a-9a1b-0c2d3e4f5a6b"),)
    ),
}


def main() -> None:
    """Print, by knob: the codes of its warnings, and of each window energy, reason, half-width and truth."""
    with tempfile.TemporaryDirectory() as folder:
        machine = NvmlMachine(
            gpus=tuple(_numbered(number, card) for number, card in enumerate(KNOBS.values()))
        )
        spec = Path(folder) / "machine.spec"
        machine.write(spec)
        os.environ["LLEM_SIMULATED_NVML"] = str(spec)
        clock = AnchoredClock(machine.unix_offset_ns)
        trace, isolation = _record(machine, clock, Path(folder))
    sys.stdout.write(json.dumps(_outcome(machine, trace, isolation)))


def _outcome(machine: NvmlMachine, trace: EnergyTrace, isolation: Interference) -> dict[str, Any]:
    phases = _phases(machine)
    raw = RawRun(
        trace=trace,
        phases=phases,
        requests=RequestTable.empty(),
        facts=RunFacts(experiment_id="faults", interference=isolation),
    )
    result = assemble(ExperimentConfig(model="any"), raw).result
    account = EnergyAccount(trace)
    knobs = {
        knob: {
            "label": account.channels[number].label,
            "method": account.curves[number].method,
            "energy_j": result.energy.by_device[number].energy_j,
            "reason": result.energy.by_device[number].reason,
            "windows": [
                _window(account, machine, number, phase) for phase in phases if phase.name == "window"
            ],
        }
        for number, knob in enumerate(KNOBS)
    }
    return {
        "began_s": machine.seconds(int(trace.samples["t_unix_ns"][0])),
        "verdict": result.verdict,
        "warnings": [warning.model_dump() for warning in result.warnings],
        "knobs": knobs,
    }


def _numbered(number: int, card: SimulatedGpu) -> SimulatedGpu:
    """Give each card an identity and phases of its own, and its power readings the noise of a real sensor."""
    phase = (0.37 * number) % 1
    return replace(
        card,
        uuid=f"GPU-3d5b7f9a-2c4e-4a6b-8d0f-{number:012x}",
        pci_bus=number + 1,
        noise_w=1.0,
        noise_seed=number + 1,
        counter=card.counter and replace(card.counter, phase_s=phase * card.counter.period_s),
        usage=card.usage and replace(card.usage, phase_s=phase * card.usage.period_s),
        instant=card.instant and replace(card.instant, phase_s=phase * card.instant.period_s),
    )


def _record(machine: NvmlMachine, clock: AnchoredClock, folder: Path) -> tuple[EnergyTrace, Interference]:
    sampler = Sampler([NvmlMeter], MeterOptions(), clock, folder / "samples.bin")
    sampler.start()
    before = OtherLoadWatch(clock).look()
    watch = OtherLoadWatch(clock)
    time.sleep(max(0.0, END_S - machine.seconds(clock.now_ns())))
    return sampler.stop(), Interference(before=before, windows=watch.look())


def _phases(machine: NvmlMachine) -> tuple[Phase, ...]:
    zero_ns = machine.origin_monotonic_ns + machine.unix_offset_ns

    def phase(name: PhaseName, span_s: tuple[float, float], repeat: int | None = None) -> Phase:
        start_ns, end_ns = (zero_ns + round(at_s * 1e9) for at_s in span_s)
        return Phase(name=name, start_unix_ns=start_ns, end_unix_ns=end_ns, repeat=repeat)

    windows = [phase("window", span_s, number) for number, span_s in enumerate(WINDOWS)]
    return (phase("baseline_idle", IDLE), *windows)


def _window(account: EnergyAccount, machine: NvmlMachine, number: int, phase: Phase) -> dict[str, Any]:
    part = account.channel_energies(number, [phase]).at(0)
    errors = next(
        (each for each in account.uncertainty(phase) if each.channel is account.channels[number]), None
    )
    return {
        "energy_j": part.energy_j,
        "reason": part.reason,
        "random_j": errors.random_j if errors else None,
        "gain_j": errors.gain_j if errors else None,
        "true_j": machine.true_energy_j(number, phase.start_unix_ns, phase.end_unix_ns),
    }


if __name__ == "__main__":
    main()
