"""Running a meter that rests on another library in a process of its own: such a library loads its drivers only once."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.meters.base import MeterOptions
from tests.support.simulator_fixtures import ChildJson

FIRST = "GPU-6f1c2a9e-5b7d-4e0f-8a43-2d9c71b0e650"
SECOND = "GPU-0b9d4c31-77aa-4f52-9e1b-c4d85a7f1e02"

METER = """
    import importlib, json, sys, threading, time
    from llenergymeasure.exceptions import MeterError
    from llenergymeasure.meters.base import MeterOptions
    from llenergymeasure.meters.probing import probe_meter

    module, _, name = sys.argv[1].partition(":")
    options, reads = MeterOptions.model_validate_json(sys.argv[2]), int(sys.argv[3])
    meter_class = getattr(importlib.import_module(module), name)
    status = probe_meter(meter_class(), options, with_readings=True)
    meter, channels, samples, failure, offset = meter_class(), [], [], None, time.time_ns() - time.monotonic_ns()
    try:
        channels = meter.open(options)
        for _ in range(reads):
            samples += meter.read(offset)
            time.sleep(meter.period_s)
    except MeterError as error:
        failure = str(error)
    running = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    meter.close()
    meter.close()
    print(json.dumps({
        "channels": [channel.model_dump() for channel in channels],
        "samples": [sample._asdict() for sample in samples],
        "failure": failure,
        "threads": running,
        "status": {
            "available": status.available, "channels": len(status.channels), "readings": status.readings,
            "reason": status.reason, "remedy": status.remedy,
            "left_out": [each.model_dump() for each in status.left_out],
        },
    }))
"""


def needs(module: str) -> pytest.MarkDecorator:
    """Mark tests of a meter whose library is in the `dev` extra only."""
    return pytest.mark.skipif(
        importlib.util.find_spec(module) is None, reason=f"needs the {module} extra, which `make test` brings"
    )


def run_meter(
    child_json: ChildJson,
    target: str,
    environment: Mapping[str, str] | None = None,
    *,
    reads: int = 1,
    options: MeterOptions | None = None,
    prelude: str = "",
) -> Any:
    """Probe, open, read and close the meter `module:Class`; `prelude` is run before it is imported."""
    chosen = (options or MeterOptions()).model_dump_json()
    code = f"{prelude}\n" + "\n".join(line[4:] for line in METER.splitlines())
    return child_json(code, dict(environment or os.environ), target, chosen, str(reads))


def with_nvidia_smi(folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with an `nvidia-smi` on PATH that does nothing, and a home of its own in `folder`."""
    commands, home = folder / "bin", folder / "home"
    for path in (commands, home):
        path.mkdir(exist_ok=True)
    command = commands / "nvidia-smi"
    command.write_text("#!/bin/sh\nexit 0\n")
    command.chmod(0o755)
    path = os.pathsep.join([str(commands), environment.get("PATH", "")])
    return {**environment, "PATH": path, "HOME": str(home)}
