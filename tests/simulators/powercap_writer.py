"""Keeps the counters of a simulated powercap tree running, about a thousand times a second, until it is killed."""

from __future__ import annotations

import os
import pickle
import sys
import time
from contextlib import suppress

from tests.simulators.powercap import counter_text

UPDATE_S = 0.001


def main() -> None:
    """Read counter files and origin from stdin, say so on stdout, and write; always into the same files."""
    counters, origin_ns = pickle.load(sys.stdin.buffer)
    files = [(os.open(path, os.O_WRONLY), zone) for path, zone in counters]
    written = 0
    while True:
        for descriptor, zone in files:
            seconds = (time.monotonic_ns() - origin_ns) / 1e9
            os.pwrite(descriptor, counter_text(zone, seconds).encode(), 0)
        if not written:
            os.write(1, b"running\n")
        written += 1
        time.sleep(UPDATE_S)


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):  # Ctrl-C reaches it too
        main()
