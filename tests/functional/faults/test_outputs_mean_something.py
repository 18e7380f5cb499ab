"""What is refused right after the load: outputs that are no numbers, and prompts that padding changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.exceptions import BackendError
from tests.support.models import save_tokenizer
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, loaded, serve

pytestmark = pytest.mark.model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_logits_that_are_not_numbers_are_refused(tiny_llama: Path, tmp_path: Path, value: float) -> None:
    from transformers import AutoModelForCausalLM

    folder = Path(shutil.copytree(tiny_llama, tmp_path / "broken"))
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model.model.norm.weight.data.fill_(value)
    model.save_pretrained(folder)
    with loaded(configure(folder)) as backend, pytest.raises(BackendError, match="logits are not numbers"):
        backend.encode(as_prompts(TEXTS))


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a two-layer RWKV, whose state takes padding for text."""
    import torch
    from transformers import RwkvConfig, RwkvForCausalLM

    folder = tmp_path_factory.mktemp("rwkv")
    specials = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    shape = RwkvConfig(
        vocab_size=save_tokenizer(folder, specials=specials),
        hidden_size=64,
        attention_hidden_size=64,
        num_hidden_layers=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = RwkvForCausalLM(shape)
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.normal_(0, 0.3)
    model.save_pretrained(folder)
    return folder


def test_padding_that_enters_the_state_of_a_recurrent_model_is_refused(recurrent: Path) -> None:
    config = configure(recurrent, pytorch={"batch_size": 3})
    with loaded(config) as backend, pytest.raises(BackendError, match=r"set pytorch\.batch_size: 1"):
        backend.encode(as_prompts(TEXTS))


def test_a_recurrent_model_is_served_where_nothing_is_padded(recurrent: Path) -> None:
    with loaded(configure(recurrent)) as backend:
        assert len(serve(backend, as_prompts(TEXTS))) == len(TEXTS)
    with loaded(configure(recurrent, pytorch={"batch_size": 3})) as backend:
        assert len(serve(backend, as_prompts([TEXTS[0]] * 3))) == 3


def test_padding_that_is_masked_is_served(tiny_llama: Path) -> None:
    with loaded(configure(tiny_llama, pytorch={"batch_size": 3})) as backend:
        assert len(serve(backend, as_prompts(TEXTS))) == len(TEXTS)
