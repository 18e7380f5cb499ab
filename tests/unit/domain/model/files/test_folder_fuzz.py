"""Folders of which a file was damaged, by the hundred: each is read, or refused in one sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.domain.model.files.folder import model_files_problem
from tests.support.model_files import CONFIG, PAGE, POINTER, model_folder

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
CONTENT = st.one_of(
    st.sampled_from(
        [b"", PAGE.encode(), POINTER.encode(), b"PK\x03\x04", b"GGUF", b"\x80\x02", b"\xff\xfe{}"]
    ),
    st.binary(max_size=40),
    JSON.map(lambda value: json.dumps(value).encode()),
    st.dictionaries(st.sampled_from(sorted(CONFIG)), JSON, max_size=4).map(
        lambda changes: json.dumps({**CONFIG, **changes}).encode()
    ),
)
NAMES = [
    "config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "adapter_config.json",
    "chat_template.jinja",
    "merges.txt",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    folder = model_folder(tmp_path_factory.mktemp("good"))
    assert model_files_problem(folder, random_weights=False) is None
    return folder


@given(
    name=st.sampled_from(NAMES),
    how=st.sampled_from(["replaced", "cut", "changed", "gone", "folder", "dangling"]),
    content=CONTENT,
    at=st.integers(0, 200),
)
@settings(max_examples=300, deadline=None)
def test_a_damaged_folder_is_read_or_refused_in_one_sentence(good, tmp_path_factory, name, how, content, at):
    folder = tmp_path_factory.getbasetemp() / "damaged"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(good, folder)
    _damage(folder / name, how, content, at)
    for random_weights in (False, True):
        problem = model_files_problem(folder, random_weights=random_weights)
        if problem is not None:
            assert str(folder) in problem
            assert "→" in problem
            assert "\n" not in problem


def _damage(file: Path, how: str, content: bytes, at: int) -> None:
    before = file.read_bytes() if file.exists() else b""
    file.unlink(missing_ok=True)
    if how == "replaced":
        file.write_bytes(content)
    elif how == "cut":
        file.write_bytes(before[:at])
    elif how == "changed":
        file.write_bytes(before[:at] + content + before[at + len(content) :])
    elif how == "folder":
        file.mkdir()
    elif how == "dangling":
        file.symlink_to("gone")
