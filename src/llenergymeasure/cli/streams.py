"""Standard output and standard error, whatever they are: a stream that takes nothing never ends a command."""

from __future__ import annotations

import codecs
import os
import sys
from typing import IO, TextIO

from llenergymeasure.core.processes.output_stream import Output, output_stream

PLAINER = {
    "→": "->", "±": "+/-", "×": "x", "°": " deg ", "·": "-", "✓": "ok", "✗": "x", "…": "...", "–": "-", "—": "-",
    "≤": "<=", "≥": ">=", "≈": "~", "µ": "u", "μ": "u", "Δ": "delta ", "²": "^2", "√": "sqrt", "’": "'", "•": "*",
    "▁": "_", "▂": ".", "▃": "-", "▄": "=", "▅": "+", "▆": "*", "▇": "#", "█": "#",
    "▏": " ", "▎": " ", "▍": " ", "▌": "#", "▋": "#", "▊": "#", "▉": "#",
}  # fmt: skip
"""What stands for our signs where the encoding of a stream lacks them; other characters are escaped."""
REPLACE, ESCAPE_JSON = "llem.replace", "llem.escape_json"
"""Names of error handlers (PEP 293)."""


def take_over_streams() -> None:
    """Put streams that never raise in the place of `sys.stdout` and `sys.stderr`.

    A closed one becomes the null device, whose number no file that is opened later can get then.
    """
    for number in range(3):
        _reserve(number)
    sys.stdout = _output(1, sys.stdout)
    sys.stderr = _output(2, sys.stderr)


def output_failure() -> str | None:
    """Return why standard output did not take all that was printed; a reader who has left wanted no more."""
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    if failure is None or isinstance(failure, BrokenPipeError):
        return None
    return failure.strerror or str(failure)


def is_read() -> bool:
    """Whether standard output has taken all that was printed."""
    sys.stdout.flush()
    return getattr(sys.stdout, "failure", None) is None and not _is_null(sys.stdout)


def print_json(text: str) -> None:
    """Print a JSON document: in UTF-8 where the stream is, else in ASCII with its other characters escaped."""
    encoding = "utf-8" if codecs.lookup(sys.stdout.encoding or "utf-8").name == "utf-8" else "ascii"
    print(text.rstrip("\n").encode(encoding, ESCAPE_JSON).decode(encoding))


def _reserve(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.open(os.devnull, os.O_RDWR)  # the lowest free number is this one


def _output(number: int, replaced: TextIO | None) -> Output:
    if replaced is not None:
        replaced.flush()
    if not os.get_blocking(number):  # a terminal or pipe that another program set so
        os.set_blocking(number, True)
    return output_stream(number, replaced, errors=REPLACE)


def _is_null(stream: IO[str]) -> bool:
    try:
        found, null = os.fstat(stream.fileno()), os.stat(os.devnull)
    except (OSError, ValueError):
        return False
    return (found.st_dev, found.st_ino) == (null.st_dev, null.st_ino)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(PLAINER.get(each) or _escaped(each) for each in lost), error.end


def _escaped(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")


def _escape_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)), error.end


codecs.register_error(REPLACE, _replace)
codecs.register_error(ESCAPE_JSON, _escape_json)
