"""Our energies against logs with a known truth: an external power meter beside nvidia-smi, or windows of true energy.

`python -m benchmarks.real DIR`. The format of DIR is in benchmarks/README.md.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from benchmarks.log_csv import Floats
from benchmarks.readings import one_channel, unix_ns
from benchmarks.real_logs import Log, read_logs
from benchmarks.report import machine, write

from llenergymeasure.metrics.energy.account import EnergyAccount

NAME_WIDTH = 28


@dataclass(frozen=True, kw_only=True)
class Row:
    """Windows of one log; errors and half-widths relative to the true energy, None where nothing is known.

    Windows whose energy is `unknown` count nowhere else.
    """

    log: str
    windows: str
    count: int
    unknown: int
    bias: float | None
    mean_error: float | None
    p95_error: float | None
    held_random: float | None
    held_with_gain: float | None
    median_half_width: float | None
    width_over_error: float | None
    """Half-width over mean error; the bar is 3."""
    trapezoid_mean_error: float | None
    trapezoid_p95_error: float | None


def main() -> None:
    """Print the table and write `out/real.json`; end with 1 where a file is wrong."""
    if len(sys.argv) != 2:
        sys.exit("usage: make bench-real DATA=DIR (or python -m benchmarks.real DIR)")
    found = read_logs(Path(sys.argv[1]))
    for line in found.left_out:
        print(f"left out: {line}")
    if found.logs:
        rows = [judge(log, title) for log in found.logs for title in log.windows]
        write("real", {"rows": [asdict(row) for row in rows]})
        _print(rows)
    sys.stdout.flush()
    for line in found.wrong:
        print(f"error: {line}", file=sys.stderr)
    sys.exit(1 if found.wrong else 0)


def judge(log: Log, title: str) -> Row:
    """Compare our energies of all windows of a title with the truth."""
    start_s, end_s, true_j = log.windows[title].T
    trace = one_channel(log.t_s, log.power_w, log.energy_j, log.averaging_s, is_linear=len(log.quiet_s) > 0)
    account = EnergyAccount(trace, unix_ns(log.quiet_s))
    edges = unix_ns(start_s), unix_ns(end_s)
    energies, uncertainty = account.energies(*edges)[0], account.uncertainties(*edges)[0]
    error = energies.energy_j / true_j - 1
    half_width = uncertainty.random_j / true_j
    metered_j = log.uncorrected[title][:, 2]
    plain = energies.energy_j / metered_j - 1
    stated_j = np.hypot(np.hypot(uncertainty.random_j, uncertainty.gain_j), uncertainty.linearity_alike_j)
    trapezoid = np.abs(_trapezoid_j(log, start_s, end_s) / true_j - 1)
    known = np.isfinite(error) & np.isfinite(half_width)
    mean_error, width = _mean(np.abs(error[known])), _quantile(half_width[known], 0.5)
    return Row(
        log=log.name,
        windows=title,
        count=len(true_j),
        unknown=int(np.sum(~known)),
        bias=_mean(error[known]),
        mean_error=mean_error,
        p95_error=_quantile(np.abs(error[known]), 0.95),
        held_random=_mean(np.abs(error[known]) <= half_width[known]),
        held_with_gain=_mean(np.abs(plain[known]) <= (stated_j / metered_j)[known]),
        median_half_width=width,
        width_over_error=width / mean_error if width is not None and mean_error else None,
        trapezoid_mean_error=_mean(trapezoid[known]),
        trapezoid_p95_error=_quantile(trapezoid[known], 0.95),
    )


def _print(rows: Sequence[Row]) -> None:
    print(
        f"\nreal logs ({machine()['cores']} cores), relative to the true energy; benchmarks/README.md has the columns"
    )
    print(
        f"{'log':{NAME_WIDTH}} {'window':>6} {'n':>4} {'unknown':>7} {'bias':>7} {'mean':>6} {'95th':>6} "
        f"{'held':>6} {'with gain':>9} {'±':>6} {'x':>4} {'trapezoid':>9}"
    )
    for row in rows:
        print(
            f"{_short(row.log):{NAME_WIDTH}} {row.windows:>6} {row.count:4} {row.unknown:7} "
            f"{_cell(row.bias, '+.2%'):>7} {_cell(row.mean_error, '.2%'):>6} {_cell(row.p95_error, '.2%'):>6} "
            f"{_cell(row.held_random, '.1%'):>6} {_cell(row.held_with_gain, '.1%'):>9} "
            f"{_cell(row.median_half_width, '.2%'):>6} {_cell(row.width_over_error, '.1f'):>4} "
            f"{_cell(row.trapezoid_mean_error, '.2%'):>9}"
        )


def _short(name: str) -> str:
    """Return a name that fits its column: of a long one the beginning, and the end, which names the field."""
    return name if len(name) <= NAME_WIDTH else f"{name[:5]}…{name[6 - NAME_WIDTH :]}"


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _mean(values: Floats) -> float | None:
    return float(np.mean(values)) if len(values) and np.isfinite(values).all() else None


def _quantile(values: Floats, share: float) -> float | None:
    return float(np.quantile(values, share)) if len(values) and np.isfinite(values).all() else None


def _trapezoid_j(log: Log, start_s: Floats, end_s: Floats) -> Floats:
    """Return what the trapezoid rule over the same samples of power gives; NaN without any."""
    read = np.isfinite(log.power_w)
    if not read.any():
        return np.full(len(start_s), np.nan)
    t_s, power_w = log.t_s[read], log.power_w[read]
    until_j = np.concatenate([[0.0], np.cumsum(np.diff(t_s) * (power_w[1:] + power_w[:-1]) / 2)])

    def until(at_s: Sequence[float] | Floats) -> Floats:
        """Straight lines of power between the samples: a quadratic in between, of which this is the chord."""
        energy_j: Floats = np.interp(at_s, t_s, until_j)
        return energy_j

    return until(end_s) - until(start_s)


if __name__ == "__main__":
    main()
