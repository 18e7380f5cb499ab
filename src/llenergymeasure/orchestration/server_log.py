"""The log of a server that the run started, as the bundle has it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.results import layout
from llenergymeasure.results.bundle import Writer

FIRST_BYTES, LAST_BYTES = 256 << 10, 1 << 20
"""Of a log that is longer: its start says how the server was started, its end how it ended."""


def server_log(spool: Path) -> Mapping[str, Writer]:
    """Return the file of a bundle, where a server wrote a log into the folder; it is shortened, and without secrets."""
    source = spool / layout.SERVER_LOG
    try:
        size = source.stat().st_size
    except OSError:
        return {}
    return {layout.SERVER_LOG: partial(_write, source=source)} if size else {}


def _write(path: Path, source: Path) -> None:
    with source.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        if size <= FIRST_BYTES + LAST_BYTES:
            parts = [file.read()]
        else:
            left_out = f"\n[{size - FIRST_BYTES - LAST_BYTES} bytes are left out here]\n".encode()
            parts = [file.read(FIRST_BYTES), left_out]
            file.seek(size - LAST_BYTES)
            parts.append(file.read())
    text = b"".join(parts).decode("utf-8", "replace")
    path.write_text("\n".join(mask_secrets(line) for line in text.split("\n")), encoding="utf-8")
