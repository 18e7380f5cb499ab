"""What a GGUF file says of its tokenizer."""

from __future__ import annotations

from pathlib import Path

from llenergymeasure.domain.model.files.gguf_header import read_gguf_header
from llenergymeasure.domain.model.files.gguf_tokenizer import TOKEN_TYPES, ordinary_ids, tokenizer_digest
from tests.support.model_files import write_gguf

NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)


def digest(file: Path) -> str:
    return tokenizer_digest(file, read_gguf_header(file))


def test_control_and_added_tokens_do_not_stand_for_text(tmp_path: Path) -> None:
    types = [UNKNOWN, CONTROL, NORMAL, BYTE, USER_DEFINED, UNUSED, NORMAL]
    file = write_gguf(tmp_path / "a.gguf", values={TOKEN_TYPES: types, "general.name": "a"})
    assert ordinary_ids(file, read_gguf_header(file)) == [2, 3, 5, 6]


def test_a_file_that_does_not_say_the_types_has_no_ordinary_tokens(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "a.gguf")
    assert ordinary_ids(file, read_gguf_header(file)) == []


def test_the_digest_is_that_of_the_tokenizer_alone(tmp_path: Path) -> None:
    one = write_gguf(tmp_path / "1.gguf", values={"tokenizer.ggml.model": "gpt2", "general.name": "one"})
    two = write_gguf(tmp_path / "2.gguf", values={"general.name": "two!", "tokenizer.ggml.model": "gpt2"})
    other = write_gguf(tmp_path / "3.gguf", values={"tokenizer.ggml.model": "bert"})
    chat = write_gguf(
        tmp_path / "4.gguf", values={"tokenizer.ggml.model": "gpt2", "tokenizer.chat_template": "{{ 1 }}"}
    )
    assert digest(one) == digest(two) == digest(chat) != digest(other)
