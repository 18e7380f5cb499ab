"""What `llem doctor` prints: a mark, a finding, and the command that mends it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Literal

from llenergymeasure.core.hardware import NONE, GPUEnvironment
from llenergymeasure.domain.diagnosis import BackendFinding, Diagnosis, MeterFinding
from llenergymeasure.report.summary.format import bytes_text

Mark = Literal["ok", "missing", "note"]
SIGNS: dict[Mark, str] = {"ok": "✓", "missing": "✗", "note": "·"}
STYLES: dict[Mark, str] = {"ok": "green", "missing": "red", "note": "dim"}


@dataclass(frozen=True, kw_only=True)
class Line:
    """One finding; `remedy` is what to do or type."""

    mark: Mark
    text: str
    remedy: str | None = None


def print_diagnosis(diagnosis: Diagnosis, out: IO[str]) -> None:
    """Print every finding, group by group."""
    groups = findings(diagnosis)
    if not out.isatty():
        out.write("\n".join(_plain(groups)))
        return
    _draw(groups, out)


def findings(diagnosis: Diagnosis) -> dict[str, list[Line]]:
    """Return the lines by group, in the order in which they are shown."""
    return {
        "Meters": [*(line for meter in diagnosis.meters for line in _meter(meter)), _auto(diagnosis)],
        "GPUs": list(_gpus(diagnosis)),
        "Backends": [_backend(backend) for backend in diagnosis.backends],
        "Machine": list(_machine(diagnosis)),
        "Results": [_storage(diagnosis)],
        "Versions": list(_versions(diagnosis)),
    }


def _meter(meter: MeterFinding) -> Iterator[Line]:
    if not meter.available:
        yield Line(mark="missing", text=f"{meter.name}: {meter.reason}", remedy=meter.remedy)
    for index, channel in enumerate(meter.channels if meter.available else ()):
        reading = f": {meter.readings[index]}" if index < len(meter.readings) else ""
        added = "" if channel.included_in_total else ", not added"
        made = meter.calibrated[index] if index < len(meter.calibrated) else None
        calibrated = f", calibrated {made:%Y-%m-%d}" if made is not None else ""
        text = f"{meter.name}: {channel.label}{reading} ({channel.method}{added}{calibrated})"
        yield Line(mark="note" if channel.method == "estimated" else "ok", text=text)


def _auto(diagnosis: Diagnosis) -> Line:
    if not diagnosis.auto_meters:
        return Line(mark="missing", text="energy.meters: auto finds nothing to read here")
    return Line(mark="note", text=f"energy.meters: auto reads {', '.join(diagnosis.auto_meters)} here")


def _gpus(diagnosis: Diagnosis) -> Iterator[Line]:
    machine = diagnosis.machine
    for gpu in machine.gpus:
        yield _gpu(gpu)
    if machine.gpu.name == NONE:
        reason = machine.gpu_missing_because or "there is none"
        yield Line(
            mark="missing", text=f"no GPU to use: {reason}", remedy="llem run --device cpu runs without one"
        )


def _gpu(gpu: GPUEnvironment) -> Line:
    facts = [
        gpu.uuid,
        None if gpu.vram_total_mb is None else bytes_text(gpu.vram_total_mb * 2**20),
        None if gpu.power_limit_w is None else f"limit {gpu.power_limit_w:.0f} W",
        "MIG" if gpu.mig_enabled else None,
        None if gpu.visible else "hidden by CUDA_VISIBLE_DEVICES",
    ]
    text = ", ".join(fact for fact in (f"{gpu.index}: {gpu.name}", *facts) if fact)
    slow = gpu.persistence_mode is False
    return Line(
        mark="ok" if gpu.visible else "note",
        text=text + (", persistence mode off" if slow else ""),
        remedy="sudo nvidia-smi -pm 1" if slow else None,
    )


def _backend(backend: BackendFinding) -> Line:
    if backend.installed:
        versions = ", ".join(f"{name} {version}" for name, version in backend.versions.items())
        return Line(mark="ok", text=f"{backend.name}: {versions or 'ready'}")
    text = f"{backend.name}: missing {', '.join(backend.missing)}"
    return Line(mark="missing", text=text, remedy=backend.install)


def _machine(diagnosis: Diagnosis) -> Iterator[Line]:
    cpu, container = diagnosis.machine.cpu, diagnosis.machine.container
    cores = (
        f"{cpu.physical_cores or '?'} cores, {cpu.usable_cores or cpu.logical_cores or '?'} threads to use"
    )
    yield Line(mark="note", text=f"{cpu.model or 'CPU of unknown model'}, {cores}")
    if cpu.governor:
        yield Line(mark="note", text=f"CPU frequency governor: {cpu.governor}")
    if diagnosis.machine.ram_total_mb is not None:
        yield Line(mark="note", text=f"{bytes_text(diagnosis.machine.ram_total_mb * 2**20)} of memory")
    yield Line(mark="note", text=cpu.platform)
    if container.runtime:
        yield Line(mark="note", text=f"in a container ({container.runtime})")


def _storage(diagnosis: Diagnosis) -> Line:
    storage = diagnosis.storage
    free = "" if storage.free_bytes is None else f", {bytes_text(storage.free_bytes)} free"
    if storage.writable:
        return Line(mark="ok", text=f"{storage.folder}{free}")
    return Line(mark="missing", text=f"{storage.folder}: {storage.reason}", remedy="llem run --output FOLDER")


def _versions(diagnosis: Diagnosis) -> Iterator[Line]:
    cuda = diagnosis.machine.cuda
    known = {
        "llenergymeasure": diagnosis.version,
        "python": diagnosis.python,
        "NVIDIA driver": cuda.driver_version,
        "CUDA (driver)": cuda.version,
        **diagnosis.packages,
    }
    for name, version in known.items():
        yield Line(mark="note", text=f"{name} {version or 'not installed'}")


def _plain(groups: dict[str, list[Line]]) -> Iterator[str]:
    for heading, lines in groups.items():
        yield heading
        for line in lines:
            yield f"  {SIGNS[line.mark]} {line.text}"
            if line.remedy:
                yield f"      → {line.remedy}"
        yield ""


def _draw(groups: dict[str, list[Line]], out: IO[str]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=out, highlight=False)
    for heading, lines in groups.items():
        table = Table.grid(padding=(0, 1, 0, 0))
        table.add_column(width=3, justify="right")
        table.add_column(overflow="fold")
        for line in lines:
            table.add_row(Text(SIGNS[line.mark], style=STYLES[line.mark]), Text(line.text))
            if line.remedy:
                table.add_row("", Text.assemble(("→ ", "bold"), line.remedy))
        console.print(Text(heading, style="bold"), table, "", sep="\n")
