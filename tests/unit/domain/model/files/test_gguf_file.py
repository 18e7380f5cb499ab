"""A GGUF file is one whole language model, or it is said what it is instead."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.domain.model.files.folder import model_files_problem
from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from tests.support.model_files import PAGE, POINTER, write_gguf


def _problem(file: Path) -> str | None:
    return model_files_problem(file, random_weights=False)


def test_whole_file_is_ready(tmp_path: Path) -> None:
    assert _problem(write_gguf(tmp_path / "a.gguf")) is None


def test_header_has_values_and_the_table_of_tensors(tmp_path: Path) -> None:
    header = read_gguf_header(write_gguf(tmp_path / "a.gguf"))
    assert header.whole("context_length") == 64
    assert header.tensors[0].name == "token_embd.weight"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (POINTER, "is a pointer of Git LFS"),
        (PAGE, "is a web page"),
        ("", "is empty"),
        ("tjmg", "is not a GGUF file, whatever its name says"),
        ("GGUF", "is damaged: its header"),
        ("GGUF" + "\xff" * 40, "is damaged: its header"),
    ],
)
def test_file_that_is_no_gguf_file_is_told_apart(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "a.gguf"
    file.write_text(content, encoding="latin-1")
    assert said in str(_problem(file))


def test_every_cut_of_a_file_is_damaged(tmp_path: Path) -> None:
    whole = write_gguf(tmp_path / "whole.gguf").read_bytes()
    for length in range(5, len(whole), 7):
        (tmp_path / "cut.gguf").write_bytes(whole[:length])
        assert "is damaged" in str(_problem(tmp_path / "cut.gguf"))


@pytest.mark.parametrize(
    ("name", "values"),
    [("m-00001-of-00003.gguf", {}), ("m-00002-of-00003.gguf", {"split.count": 3}), ("m.gguf", {"split.count": 3})],
)  # fmt: skip
def test_part_of_a_split_file_is_joined_first(tmp_path: Path, name: str, values: dict[str, Any]) -> None:
    text = str(_problem(write_gguf(tmp_path / name, values=values)))
    assert "is one of 3 parts" in text
    assert f"llama-gguf-split --merge {tmp_path}/m-00001-of-00003.gguf {tmp_path}/m.gguf" in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"general.type": "adapter"}, "is a LoRA adapter"),
        ({"general.type": "mmproj"}, "is a projector for images"),
        ({"general.architecture": "clip"}, "is a projector for images"),
    ],
)
def test_other_kinds_of_gguf_files_are_no_models(tmp_path: Path, values: dict[str, Any], said: str) -> None:
    assert said in str(_problem(write_gguf(tmp_path / "a.gguf", values=values)))


def test_layer_that_is_gone_is_named(tmp_path: Path) -> None:
    text = str(_problem(write_gguf(tmp_path / "a.gguf", values={"llama.block_count": 3})))
    assert "lacks blk.1, blk.2: random weights would take their place" in text
    text = str(
        _problem(write_gguf(tmp_path / "b.gguf", tensors=("token_embd.weight", "blk.0.attn_q.weight")))
    )
    assert "lacks output_norm.weight" in text


def test_vocabulary_alone_is_no_model(tmp_path: Path) -> None:
    assert "contains no tensors" in str(_problem(write_gguf(tmp_path / "a.gguf", tensors=())))


def test_the_final_norm_of_lfm2_has_another_name(tmp_path: Path) -> None:
    tensors = ("token_embd.weight", "blk.0.attn_q.weight", "token_embd_norm.weight")
    assert _problem(write_gguf(tmp_path / "m.gguf", tensors=tensors)) is None


def test_lists_in_lists_without_end_are_damage(tmp_path: Path) -> None:
    nested = struct.pack("<IQ", 9, 1) * 3000
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<I", 9)
    (tmp_path / "m.gguf").write_bytes(head + nested)
    assert "is damaged" in str(_problem(tmp_path / "m.gguf"))
