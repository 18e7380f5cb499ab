"""Whether a file contains what its name says, or something that was put in its place."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from llenergymeasure.exceptions import LLEMError

LARGEST_JSON_BYTES = 256 * 2**20
"""Tokenizers of the largest vocabularies have 40 MB."""
_LFS = b"version https://git-lfs"
_PAGES = (b"<!doctype", b"<html", b"<?xml")
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"))


class FileProblem(LLEMError):
    """A file of a model cannot be used; the text begins with the file's path."""

    exit_code = 3


def require_content(file: Path) -> None:
    """Refuse a file that is missing, unreadable, empty, a pointer of Git LFS, or a web page.

    Raises:
        FileProblem: with what to do.
    """
    start = _start(file)
    if not start:
        raise FileProblem(f"{file} is empty → download it again")
    if start.startswith(_LFS):
        raise FileProblem(
            f"{file} is a pointer of Git LFS, not the file itself → run `git lfs pull` in its folder, or download it "
            "again"
        )
    if start.lstrip().lower().startswith(_PAGES):
        raise FileProblem(
            f"{file} is a web page, not the file itself → download it again, with the login it needs"
        )


def require_text(file: Path) -> None:
    """Refuse a file that is not text in UTF-8, as `require_content` does what is no file of a model.

    Raises:
        FileProblem: with what to do.
    """
    require_content(file)
    try:
        _read(file, LARGEST_JSON_BYTES).decode("utf-8")
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from None


def read_json_object(file: Path) -> dict[str, Any]:
    """Return the content of a JSON file that has to be an object.

    Raises:
        FileProblem: it is none, with the line where it is none.
    """
    content = read_json(file)
    if not isinstance(content, dict):
        raise FileProblem(f"{file} is a JSON {_kind(content)} where an object is needed → download it again")
    return content


def read_json(file: Path) -> Any:
    """Return the content of a JSON file.

    Raises:
        FileProblem: it is not JSON in UTF-8, with the line.
    """
    require_content(file)
    if file.stat().st_size > LARGEST_JSON_BYTES:
        raise FileProblem(
            f"{file} has {file.stat().st_size / 2**20:.0f} MB, too much for a JSON file → download it again"
        )
    data = _read(file)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            raise FileProblem(
                f"{file} begins with a byte order mark of {encoding} → save it as UTF-8 without one"
            )
    try:
        return json.loads(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _not_utf8(file, error) from None
    except json.JSONDecodeError as error:
        raise FileProblem(
            f"{file}:{error.lineno} is not valid JSON: {error.msg} (column {error.colno}) → correct it, or download it "
            "again"
        ) from None
    except RecursionError:
        raise FileProblem(f"{file} is nested too deeply for a file of a model → download it again") from None
    except ValueError as error:  # an integer of more digits than Python converts
        raise FileProblem(f"{file} is not usable JSON: {error} → download it again") from None


def _not_utf8(file: Path, error: UnicodeDecodeError) -> FileProblem:
    return FileProblem(f"{file} is not UTF-8 (byte {error.start}) → download it again, or save it as UTF-8")


def _start(file: Path) -> bytes:
    if file.is_symlink() and not file.exists():
        raise FileProblem(f"{file} is a link to a file that is gone → download it again")
    return _read(file, 128)


def _read(file: Path, most: int = -1) -> bytes:
    try:
        with file.open("rb") as stream:
            there = os.fstat(
                stream.fileno()
            ).st_size  # a buffer of all that is asked for would be made at once
            return stream.read(most if most < 0 else min(most, there))
    except OSError as error:
        raise FileProblem(
            f"{file} cannot be read: {error.strerror or error} → check its permissions"
        ) from None


def _kind(content: object) -> str:
    names = {list: "list", str: "text", bool: "truth value", type(None): "null"}
    return names.get(type(content), "number")
