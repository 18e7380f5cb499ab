"""The log of a server in a bundle: its start and its end, without secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.orchestration.server_log import FIRST_BYTES, LAST_BYTES, server_log


def written(tmp_path: Path, log: bytes) -> str:
    (tmp_path / "server.log").write_bytes(log)
    (write,) = server_log(tmp_path).values()
    write(tmp_path / "copy")
    return (tmp_path / "copy").read_text()


@pytest.mark.parametrize("log", [None, b""])
def test_no_log_is_no_file(tmp_path: Path, log: bytes | None) -> None:
    if log is not None:
        (tmp_path / "server.log").write_bytes(log)
    assert server_log(tmp_path) == {}


def test_secrets_are_masked(tmp_path: Path) -> None:
    text = written(tmp_path, b"started\nargs: {'api_key': 'abcdef', 'port': 8000}\nready\n")
    assert "abcdef" not in text
    assert text.startswith("started\n")
    assert text.endswith("'port': 8000}\nready\n")


def test_of_a_long_log_the_middle_is_left_out(tmp_path: Path) -> None:
    text = written(tmp_path, b"first\n" + b"words\n" * (LAST_BYTES // 3) + b"\nlast\n")
    assert text.startswith("first\n")
    assert text.endswith("\nlast\n")
    assert "bytes are left out here]" in text
    assert len(text) < FIRST_BYTES + LAST_BYTES + 100
