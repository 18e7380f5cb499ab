"""Files that are no text though their name says so, told by their first bytes."""

from __future__ import annotations

HEAD_BYTES = 8
_KINDS = (
    (b"\x1f\x8b", "a gzip file", "unpack it first (gunzip)"),
    (b"PK\x03\x04", "a zip file", "unpack it first (unzip)"),
    (b"BZh", "a bzip2 file", "unpack it first (bunzip2)"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it first (unxz)"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it first (unzstd)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z file", "unpack it first (7z x)"),
    (b"PAR1", "a Parquet file", "write what it holds as text"),
    (b"ARROW1", "an Arrow file", "write what it holds as text"),
    (b"SQLite f", "an SQLite file", "write what it holds as text"),
    (b"\xff\xfe\x00\x00", "in UTF-32", "convert it to UTF-8 (iconv -f UTF-32 -t UTF-8)"),
    (b"\xff\xfe", "in UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"),
    (b"\xfe\xff", "in UTF-16", "convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)"),
)
"""First bytes, what they are, and what to do; from the specification of each format."""


def no_text(head: bytes) -> str | None:
    """Return what a file that begins so is and what to do, "a gzip file: unpack it first"; None: may be text."""
    return next((f"{kind}: {remedy}" for magic, kind, remedy in _KINDS if head.startswith(magic)), None)
