"""Whatever `llem show` and `llem verify` are given for a bundle: one sentence that is so."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.typed import llem

PATHS = {
    "": "'' names no bundle: the path is empty",
    "/dev/null": "is neither a folder nor a plain file",
    "pipe": "is neither a folder nor a plain file",
    "circle": "its links lead in a circle",
    "gone": "is a link to nowhere, which does not exist",
    "a" * 5000: "cannot be opened: File name too long",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "circle").symlink_to("circle")
    (tmp_path / "gone").symlink_to("nowhere")
    return tmp_path


def _typed(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        llem(folder, *arguments), cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


def test_verify_says_of_each_path_why_it_is_no_bundle_and_nothing_else(folder: Path) -> None:
    done = _typed(folder, "verify", *PATHS)
    blocks = done.stdout.split("\n\n")
    assert len(blocks) == len(PATHS) + 1
    for block, said in zip(blocks, PATHS.values(), strict=False):
        assert said.removeprefix("'' ") in block
    assert blocks[-1] == f"{len(PATHS)} bundles: 0 ok, {len(PATHS)} differ\n"
    assert max(map(len, done.stdout.splitlines())) < 250
    assert done.returncode == 9


@pytest.mark.parametrize("path", ["", "circle"])
def test_show_says_why_a_path_is_no_bundle(folder: Path, path: str) -> None:
    done = _typed(folder, "show", path)
    assert (done.returncode, done.stdout) == (6, "")
    assert PATHS[path] in done.stderr
    assert len(done.stderr.splitlines()) == 1
