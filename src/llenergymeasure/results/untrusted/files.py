"""The files of a bundle against its checksums: a bundle may come from anyone, so no link is followed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from llenergymeasure.domain.reports.verification import Finding
from llenergymeasure.results import layout

MAX_BYTES = 4 * 2**30
"""A larger file is neither summed nor read: no run leaves a table of that size."""
MAX_SUMS_BYTES = 64 * 2**10
_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<name>[^/\\\0]+)")


@dataclass(frozen=True, kw_only=True)
class FileCheck:
    """Which files of a bundle are plain, expected and of a sensible size, and what is wrong with the others."""

    readable: frozenset[str]
    missing: tuple[str, ...] = ()
    """Names of files that are not there; not every bundle has all."""
    findings: tuple[Finding, ...]


def check_files(folder: Path) -> FileCheck:
    """Compare the files of a folder with those that a bundle may have and with its SHA256SUMS."""
    findings: list[Finding] = []
    try:
        plain = _plain_files(folder, findings)
    except OSError as error:
        problem = f"the folder cannot be read: {error.strerror or error}"
        return FileCheck(readable=frozenset(), findings=(Finding(file="", message=problem),))
    there = {*plain, *(finding.file for finding in findings)}
    if layout.CHECKSUMS in plain:
        findings += _against_sums(folder, plain)
    return FileCheck(
        readable=frozenset(name for name in layout.FILES if plain.get(name, MAX_BYTES) < MAX_BYTES),
        missing=tuple(name for name in (*layout.FILES, layout.CHECKSUMS) if name not in there),
        findings=tuple(findings),
    )


def name_text(name: str | Path) -> str:
    """Return a name as text; bytes in it that are no text become question marks."""
    return os.fsencode(name).decode("utf-8", "replace")


def _plain_files(folder: Path, findings: list[Finding]) -> dict[str, int]:
    """Return the size of each plain file; links, folders, pipes and names no bundle has are findings."""
    sizes: dict[str, int] = {}
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            problem = _problem(entry)
            if problem is None:
                sizes[entry.name] = entry.stat(follow_symlinks=False).st_size
            else:
                findings.append(Finding(file=name_text(entry.name), message=problem))
    return sizes


def _problem(entry: os.DirEntry[str]) -> str | None:
    if entry.is_symlink():
        return "is a link, which no bundle has; it was not followed"
    if not entry.is_file(follow_symlinks=False):
        return "is no plain file"
    if entry.name not in (*layout.FILES, layout.CHECKSUMS):
        return "is no file of a bundle"
    return None


def _against_sums(folder: Path, sizes: Mapping[str, int]) -> Iterator[Finding]:
    try:
        listed = _read_sums(folder / layout.CHECKSUMS)
    except (OSError, ValueError) as error:
        yield Finding(file=layout.CHECKSUMS, message=f"cannot be used: {error}")
        return
    for name in sorted(set(sizes) - set(listed) - {layout.CHECKSUMS}):
        yield Finding(file=name, message=f"is not listed in {layout.CHECKSUMS}")
    for name, digest in listed.items():
        if name not in layout.FILES:
            yield Finding(file=layout.CHECKSUMS, message=f"lists {name!r}, which is no file of a bundle")
        elif name in sizes:
            yield from _check_sum(folder / name, sizes[name], digest)
        else:
            yield Finding(file=layout.CHECKSUMS, message=f"lists {name}, which is not there")


def _read_sums(path: Path) -> dict[str, str]:
    """Return the digest by name.

    Raises:
        ValueError: a line that `sha256sum` would not have written, or a name that is no plain one.
    """
    with path.open("rb") as file:
        content = file.read(MAX_SUMS_BYTES + 1)
    if len(content) > MAX_SUMS_BYTES:
        raise ValueError(f"it is larger than {MAX_SUMS_BYTES // 2**10} KiB")
    lines = content.decode("utf-8").split("\n")
    if lines.pop() != "":
        raise ValueError("its last line is cut off")
    listed: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line)
        if match is None or match["name"] in (".", ".."):
            raise ValueError(f"line {number} is not a SHA-256, two spaces and the name of a file beside it")
        if match["name"] in listed:
            raise ValueError(f"line {number} lists {match['name']} again")
        listed[match["name"]] = match["digest"]
    return listed


def _check_sum(path: Path, size: int, listed: str) -> Iterator[Finding]:
    if size >= MAX_BYTES:
        yield Finding(file=path.name, message=f"is larger than {MAX_BYTES // 2**30} GiB, and was not read")
        return
    try:
        digest = _sha256(path)
    except OSError as error:
        yield Finding(file=path.name, message=f"cannot be read: {error.strerror or error}")
        return
    if digest != listed:
        message = f"was changed: its SHA-256 is {digest[:12]}…, {layout.CHECKSUMS} says {listed[:12]}…"
        yield Finding(file=path.name, message=message, stored=listed, recomputed=digest)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**20):
            digest.update(piece)
    return digest.hexdigest()
