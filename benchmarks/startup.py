"""What starting costs over a bare interpreter, ours and others'."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.report import figure, publish

RUNS = 25
BIN = Path(sys.executable).parent
PEERS = Path(__file__).parent.parent / ".venvs" / "peers" / "bin"

OURS = {
    "import llenergymeasure": ([sys.executable, "-c", "import llenergymeasure"], 25.0),
    "llem --version": ([str(BIN / "llem"), "--version"], 60.0),
    "llem --help": ([str(BIN / "llem"), "--help"], 180.0),
}
THEIRS = {
    "codecarbon --help": [str(PEERS / "codecarbon"), "--help"],
    "guidellm --help": [str(PEERS / "guidellm"), "--help"],
}


def _milliseconds(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    """Time each command beside a bare interpreter, in turns."""
    bars = {name: bar for name, (_, bar) in OURS.items()}
    commands = {name: command for name, (command, _) in OURS.items()}
    commands |= {name: command for name, command in THEIRS.items() if Path(command[0]).exists()}
    for command in commands.values():
        _milliseconds(command)
    bare: list[float] = []
    over: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        floor = _milliseconds([sys.executable, "-c", "pass"])
        bare.append(floor)
        for name, command in commands.items():
            over[name].append(_milliseconds(command) - floor)
    figures = [figure("python -c pass", "ms", bare)]
    figures += [figure(f"{name}, over bare", "ms", values, bars.get(name)) for name, values in over.items()]
    publish("startup", figures)


if __name__ == "__main__":
    main()
