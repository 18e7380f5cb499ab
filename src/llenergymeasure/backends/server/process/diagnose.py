"""Why a server ended, or cannot serve: recognised in the end of its log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.foreign_code import LONGEST

TAIL_BYTES = 64 << 10
"""Of a log that is searched for a cause."""
TAIL_LINES, TAIL_CHARACTERS = 25, 3000
"""Of a log that a message quotes."""


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What is wrong, and what to do."""

    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.what} → {self.remedy}"


_CAUSES: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), Cause(what=what, remedy=remedy))
    for pattern, what, remedy in (
        (
            r"address already in use|EADDRINUSE|error while attempting to bind|couldn't bind|"
            r"port \d+ is already (?:in use|allocated)",
            "its port was in use",
            "choose another one (server.port), or leave server.port out and a free one is chosen",
        ),
        (
            r"out of memory|OutOfMemoryError|no available memory for the cache blocks|"
            r"free memory on device .{0,80}less than desired|larger than the (?:available|maximum number of tokens)|"
            r"cudaMalloc failed|failed to allocate|std::bad_alloc|cannot allocate memory|\bMemoryError\b|"
            r"not enough memory|insufficient memory",
            "it ran out of memory",
            "end other programs on the GPU, or take a smaller model, context (--max-model-len) or share of the memory "
            "(--gpu-memory-utilization)",
        ),
        (
            r"unrecognized arguments|unknown argument|invalid argument|no such option|unexpected argument|"
            r"error: argument ",
            "it does not know one of its arguments",
            "correct server.arguments or server.command",
        ),
        (
            r"gated repo|access to model .{0,80}restricted|401 client error",
            "the model is gated",
            "accept its licence on the Hub, and export HF_TOKEN",
        ),
        (
            r"repository not found|not a local folder and is not a valid model|invalid repository id|"
            r"no such file or directory|does not appear to have a file named|failed to open gguf|"
            r"can't load the configuration|offline mode is enabled|outgoing traffic has been disabled",
            "it does not find the model",
            "check model, and where it is read from",
        ),
        (
            r"unknown model architecture|architectures? .{0,120}not supported|does not recognize this architecture|"
            r"unsupported model|error loading model|failed to load model|cannot find model class|"
            r"no module or parameter named|invalid magic|unknown quantization method|unsupported quantization",
            "its engine cannot load the model",
            "choose a model, a format or a release of the engine that fits",
        ),
        (
            r"no module named '?[\w.]+|ModuleNotFoundError",
            "a Python module is missing",
            "set server.python to the interpreter in which the server is installed",
        ),
    )
)


def cause_in(text: str) -> Cause | None:
    """Return the last cause that a log names, the one nearest to its end; None where it names none."""
    last: tuple[int, Cause] | None = None
    for pattern, cause in _CAUSES:
        for match in pattern.finditer(text):
            if last is None or match.start() > last[0]:
                last = match.start(), cause
    return None if last is None else last[1]


def ran_out_of_memory(text: str) -> bool:
    """Whether a log names memory as what lacked."""
    pattern = _CAUSES[1][0]
    return pattern.search(text) is not None


def read_tail(log: Path, since: int = 0) -> str:
    """Return the end of a log, from a number of bytes on; empty where it cannot be read."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(since, size - TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def last_words(text: str) -> str:
    """Return the last line that says something, without secrets: of a Python traceback its exception."""
    lines = [line.strip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    said = (line for line in reversed(lines) if not line.startswith("For further information visit "))
    return mask_secrets(next(said, ""))[:LONGEST]


def quoted_tail(text: str) -> str:
    """Return the last lines, without secrets, for a message."""
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines() if line.strip()]
    return mask_secrets("\n".join(lines[-TAIL_LINES:]))[-TAIL_CHARACTERS:]
