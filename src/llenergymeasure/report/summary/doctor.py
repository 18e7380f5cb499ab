"""The findings of `llem doctor`, each with the command that fixes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from llenergymeasure.core.hardware import NONE, GPUEnvironment
from llenergymeasure.domain.reports.diagnosis import BackendFinding, Diagnosis, MeterFinding
from llenergymeasure.report.summary.document import Document, Note, Notes, Tone
from llenergymeasure.report.summary.format import bytes_text

Mark = Literal["ok", "missing", "note"]
SIGNS: dict[Mark, str] = {"ok": "✓", "missing": "✗", "note": "·"}
TONES: dict[Mark, Tone] = {"ok": "good", "missing": "bad", "note": "detail"}


def diagnosis_document(diagnosis: Diagnosis) -> Document:
    """Return every finding, group by group."""
    groups = findings(diagnosis).items()
    return Document(blocks=tuple(Notes(heading=heading, notes=tuple(notes)) for heading, notes in groups))


def findings(diagnosis: Diagnosis) -> dict[str, list[Note]]:
    """Return the findings by group, in the order in which they are shown."""
    return {
        "Meters": [*(note for meter in diagnosis.meters for note in _meter(meter)), _auto(diagnosis)],
        "GPUs": list(_gpus(diagnosis)),
        "Backends": [_backend(backend) for backend in diagnosis.backends],
        "Machine": list(_machine(diagnosis)),
        "Results": [_storage(diagnosis)],
        "Versions": list(_versions(diagnosis)),
    }


def _meter(meter: MeterFinding) -> Iterator[Note]:
    if not meter.available:
        yield _note("missing", f"{meter.name}: {meter.reason}", remedy=meter.remedy)
    for index, channel in enumerate(meter.channels if meter.available else ()):
        reading = f": {meter.readings[index]}" if index < len(meter.readings) else ""
        added = "" if channel.included_in_total else ", not added"
        made = meter.calibrated[index] if index < len(meter.calibrated) else None
        calibrated = f", calibrated {made:%Y-%m-%d}" if made is not None else ""
        text = f"{meter.name}: {channel.label}{reading} ({channel.method}{added}{calibrated})"
        failed = "not readable" in reading
        yield _note("missing" if failed else "note" if channel.method == "estimated" else "ok", text)
    for each in meter.left_out:
        yield _note("missing", f"{meter.name}: {each.label} is left out: {each.reason}", remedy=each.remedy)


def _auto(diagnosis: Diagnosis) -> Note:
    if not diagnosis.auto_meters:
        return _note("missing", "energy.meters: auto finds nothing to read here")
    return _note("note", f"energy.meters: auto reads {', '.join(diagnosis.auto_meters)} here")


def _gpus(diagnosis: Diagnosis) -> Iterator[Note]:
    machine = diagnosis.machine
    for gpu in machine.gpus:
        yield _gpu(gpu)
    if machine.gpu.name == NONE:
        reason = machine.gpu_missing_because or "there is none"
        yield _note("missing", f"no GPU to use: {reason}", remedy="llem run --device cpu runs without one")


def _gpu(gpu: GPUEnvironment) -> Note:
    facts = [
        gpu.uuid,
        None if gpu.vram_total_mb is None else bytes_text(gpu.vram_total_mb * 2**20),
        None if gpu.power_limit_w is None else f"limit {gpu.power_limit_w:.0f} W",
        "MIG" if gpu.mig_enabled else None,
        None if gpu.visible else "hidden by CUDA_VISIBLE_DEVICES",
    ]
    text = ", ".join(fact for fact in (f"{gpu.index}: {gpu.name}", *facts) if fact)
    slow = gpu.persistence_mode is False
    return _note(
        "ok" if gpu.visible else "note",
        text + (", persistence mode off" if slow else ""),
        remedy="sudo nvidia-smi -pm 1" if slow else None,
    )


def _backend(backend: BackendFinding) -> Note:
    if backend.installed:
        versions = ", ".join(f"{name} {version}" for name, version in backend.versions.items())
        return _note("ok", f"{backend.name}: {versions or 'ready'}")
    text = f"{backend.name}: missing {', '.join(backend.missing)}"
    return _note("missing", text, remedy=backend.install)


def _machine(diagnosis: Diagnosis) -> Iterator[Note]:
    cpu, container = diagnosis.machine.cpu, diagnosis.machine.container
    cores = (
        f"{cpu.physical_cores or '?'} cores, {cpu.usable_cores or cpu.logical_cores or '?'} usable threads"
    )
    yield _note("note", f"{cpu.model or 'CPU of unknown model'}, {cores}")
    if cpu.governor:
        yield _note("note", f"CPU frequency governor: {cpu.governor}")
    if diagnosis.machine.ram_total_mb is not None:
        yield _note("note", f"{bytes_text(diagnosis.machine.ram_total_mb * 2**20)} of memory")
    yield _note("note", cpu.platform)
    if container.cpu_limit_cores is not None:
        yield _note("note", f"a processor quota of {container.cpu_limit_cores:g} cores (control group)")
    if container.runtime:
        yield _note("note", f"in a container ({container.runtime})")


def _storage(diagnosis: Diagnosis) -> Note:
    storage = diagnosis.storage
    free = "" if storage.free_bytes is None else f", {bytes_text(storage.free_bytes)} free"
    if storage.writable:
        return _note("ok", f"{storage.folder}{free}")
    return _note("missing", f"{storage.folder}: {storage.reason}", remedy="llem run --output FOLDER")


def _versions(diagnosis: Diagnosis) -> Iterator[Note]:
    cuda = diagnosis.machine.cuda
    known = {
        "llenergymeasure": diagnosis.version,
        "python": diagnosis.python,
        "NVIDIA driver": cuda.driver_version,
        "CUDA (driver)": cuda.version,
        **diagnosis.packages,
    }
    for name, version in known.items():
        yield _note("note", f"{name} {version or 'not installed'}")


def _note(mark: Mark, text: str, remedy: str | None = None) -> Note:
    return Note(lead=SIGNS[mark], tone=TONES[mark], text=text, remedy=remedy)
