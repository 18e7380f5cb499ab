"""What a model's files say about special tokens, and may say wrongly."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.exceptions import BackendError
from tests.support.models import edit_json
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, loaded, serve

pytestmark = pytest.mark.model


def _serve(model: Path, file: str, **changes: object) -> int:
    """Serve a padded batch with a model whose file was changed, and return the number of answers."""
    edit_json(model / file, **changes)
    with loaded(configure(model, pytorch={"batch_size": 3})) as backend:
        return len(serve(backend, as_prompts(TEXTS)))


@pytest.fixture
def model(tiny_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llama, tmp_path / "model"))


@pytest.mark.parametrize("file", ["config.json", "generation_config.json"])
@pytest.mark.parametrize("id_", [-1, -100])
def test_a_negative_id_stands_for_no_token(model: Path, file: str, id_: int) -> None:
    edit_json(model / "tokenizer_config.json", pad_token=None)
    assert _serve(model, file, pad_token_id=id_, eos_token_id=id_, bos_token_id=id_) == len(TEXTS)


@pytest.mark.parametrize("given", [True, 1.5, [1, -1, 10**9, True], [], 10**9, [-1]])
def test_an_end_that_is_no_token_is_left_out(model: Path, given: object) -> None:
    assert _serve(model, "generation_config.json", eos_token_id=given) == len(TEXTS)


@pytest.mark.parametrize("key", ["pad_token_id", "bos_token_id", "eos_token_id"])
@pytest.mark.parametrize("value", ["2", True, {"a": 1}, [[1]]])
def test_what_no_loader_takes_is_named_with_its_file(model: Path, key: str, value: object) -> None:
    with pytest.raises(BackendError, match=rf"config\.json has no usable value for '{key}'"):
        _serve(model, "config.json", **{key: value})


def test_a_pad_token_beyond_the_vocabulary_is_named(model: Path) -> None:
    with pytest.raises(BackendError, match=r"pad_token_id in its config\.json is no token"):
        _serve(model, "config.json", pad_token_id=10**9)


def test_a_pad_token_that_is_no_number_is_named(model: Path) -> None:
    with pytest.raises(BackendError, match=r"generation_config\.json, such as pad_token_id, is no number"):
        _serve(model, "generation_config.json", pad_token_id="2")
