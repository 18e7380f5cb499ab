"""Names of files and values of variables, which are bytes: what is not UTF-8 comes as lone surrogates (PEP 383)."""

from __future__ import annotations


def is_utf8(text: str) -> bool:
    """Whether text can be written into JSON, and read again as it was."""
    return escaped(text) == text


def escaped(text: str) -> str:
    """Return text whose bytes that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
