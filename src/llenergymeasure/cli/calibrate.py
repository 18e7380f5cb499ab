"""`llem calibrate`: measure how this machine's sensors behave under a known load."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Annotated

import typer

from llenergymeasure.cli import options
from llenergymeasure.cli.signals import interrupt_on_signals
from llenergymeasure.cli.streams import print_json
from llenergymeasure.exceptions import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from llenergymeasure.config.models import EnergyConfig
    from llenergymeasure.domain.calibration import CalibrationReport
    from llenergymeasure.orchestration.calibration.calibrate import WallFile

DURATION_S, LONGEST_S = 150.0, 3600.0
"""Fifty short steps and ten long ones of known_load; a load of more than an hour is taken for a mistake."""
PLAIN_PERIOD_S = 10.0
CLEAR = "\r\x1b[2K"
CLASS_1 = 0.01
"""Relative error of the wall meter: class 1 of IEC 62053-21; a cheap plug is worse."""

Last = Annotated[
    bool,
    typer.Option(
        "--last",
        help="Put no load on the machine: use the last calibration, with --wall-meter or --contribute.",
    ),
]
Contribute = Annotated[
    str | None,
    typer.Option(
        "--contribute", metavar="FILE", help="Write an anonymous profile of the sensors to a new file."
    ),
]


def calibrate(
    meters: Annotated[
        str, typer.Option("--meters", metavar="NAME[,NAME]", help="Meters to calibrate, as in energy.meters.")
    ] = "auto",
    duration: Annotated[
        float, typer.Option("--duration", metavar="S", help="Seconds of load, 20 to 3600.")
    ] = DURATION_S,
    wall_meter: Annotated[
        str | None,
        typer.Option(
            "--wall-meter",
            metavar="FILE.csv",
            help="A wall meter's log of the load: columns time and power_w.",
        ),
    ] = None,
    psu_efficiency: Annotated[
        float | None,
        typer.Option(
            "--psu-efficiency",
            metavar="SHARE",
            help="Output over input power of the power supply, e.g. 0.94; 1 for a meter behind it.",
        ),
    ] = None,
    wall_meter_error: Annotated[
        float, typer.Option("--wall-meter-error", metavar="SHARE", help="Relative error of the wall meter.")
    ] = CLASS_1,
    last: Last = False,
    contribute: Contribute = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """Measure how sensors behave under a known load, and store it for later runs."""
    interrupt_on_signals()
    _check_duration(duration)
    wall = _wall(wall_meter, psu_efficiency, wall_meter_error)
    contribution = None if contribute is None else _new_file(contribute)
    report = _last(wall, contribution) if last else _calibrate(meters, duration, wall)
    if contribution is not None:
        _write_contribution(contribution, report)
    _show(report, as_json)
    if report.wall_problem is not None:
        again = f"llem calibrate --last --wall-meter {wall_meter}"
        print(f"warning: {report.wall_problem} → when it is fixed: {again}", file=sys.stderr)


def _calibrate(meters: str, duration_s: float, wall: WallFile | None) -> CalibrationReport:
    from llenergymeasure.orchestration.calibration.calibrate import calibrate as run_calibration

    if wall is not None and not os.path.exists(wall.path):
        print(f"note: {wall.path} does not exist yet; it is read when the load has ended", file=sys.stderr)
    with _progress(sys.stderr) as on_progress:
        return run_calibration(_energy(meters), duration_s, wall, on_progress=on_progress)


def _last(wall: WallFile | None, contribution: Path | None) -> CalibrationReport:
    from llenergymeasure.orchestration.calibration.calibrate import calibrate_again, last_calibration

    if wall is not None:
        return calibrate_again(wall)
    if contribution is not None:
        return last_calibration()
    raise ConfigError("--last needs --wall-meter FILE.csv, or --contribute FILE")


def _new_file(name: str) -> Path:
    from llenergymeasure.orchestration.calibration.contribution import check_contribution_file

    path = options.path_of(name, "--contribute")
    check_contribution_file(path)
    return path


def _write_contribution(path: Path, report: CalibrationReport) -> None:
    from llenergymeasure.orchestration.calibration.contribution import write_contribution

    write_contribution(path, report.profiles)
    print(f"note: wrote {path}; nothing was sent. Read it before you send it", file=sys.stderr)


def _show(report: CalibrationReport, as_json: bool) -> None:
    if as_json:
        print_json(report.model_dump_json(indent=2))
        return
    from llenergymeasure.report.render import render
    from llenergymeasure.report.summary.calibration import calibration_document

    render(calibration_document(report), sys.stdout)


def _check_duration(duration_s: float) -> None:
    from llenergymeasure.orchestration.calibration.known_load import SHORTEST_S

    if not SHORTEST_S <= duration_s <= LONGEST_S:
        raise ConfigError(
            f"--duration must be between {SHORTEST_S:.0f} and {LONGEST_S:.0f} s, not {duration_s:g}"
        )


def _wall(name: str | None, psu_efficiency: float | None, error: float) -> WallFile | None:
    from llenergymeasure.metrics.calibration.wall_meter_gain import WallMeter
    from llenergymeasure.orchestration.calibration.calibrate import WallFile

    if psu_efficiency is not None and not 0.5 <= psu_efficiency <= 1:
        raise ConfigError(f"--psu-efficiency must be between 0.5 and 1, not {psu_efficiency:g}")
    if not 0 <= error < 1:
        raise ConfigError(f"--wall-meter-error must be a share from 0 to 1 (0.01 is 1 %), not {error:g}")
    if name is None:
        if psu_efficiency is not None:
            raise ConfigError("--psu-efficiency needs --wall-meter FILE.csv")
        return None
    path = options.path_of(name, "--wall-meter")
    if os.path.isdir(path):  # the method of Path raises for names that are too long
        raise ConfigError(f"--wall-meter: {path} is a folder: name the CSV file that the log is written to")
    return WallFile(path=path, meter=WallMeter(meter_error=error, psu_efficiency=psu_efficiency))


def _energy(meters: str) -> EnergyConfig:
    from llenergymeasure.config.loader import load_config

    names = [name.strip() for name in meters.split(",") if name.strip()]
    chosen = names[0] if len(names) == 1 else names
    return load_config(overrides={"model": "none", "energy": {"meters": chosen}}).energy


@contextmanager
def _progress(out: IO[str]) -> Iterator[Callable[[float, str], None]]:
    """Yield a listener that rewrites one line on a terminal, and elsewhere writes one every ten seconds."""
    live = out.isatty() and os.environ.get("TERM") != "dumb"
    last_s = float("inf")

    def on_progress(left_s: float, doing: str) -> None:
        nonlocal last_s
        line = f"calibrating: {doing}, {left_s:.0f} s left"
        with suppress(OSError):  # a closed standard error must not end the calibration
            if live:
                print(f"{CLEAR}{line}", end="", file=out, flush=True)
            elif last_s - left_s >= PLAIN_PERIOD_S:
                last_s = left_s
                print(line, file=out, flush=True)

    try:
        yield on_progress
    finally:
        if live:
            with suppress(OSError):
                print(CLEAR, end="", file=out, flush=True)
