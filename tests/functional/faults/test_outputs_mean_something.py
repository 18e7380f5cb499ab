"""What is refused right after the load: outputs that are no numbers, and prompts that padding changes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.exceptions import BackendError
from tests.support.models import edit_json, save_tokenizer
from tests.support.pytorch_runs import TEXTS, as_prompts, batches_of, configure, loaded, serve

pytestmark = pytest.mark.model


def _broken(tiny_llama: Path, folder: Path, value: float) -> Path:
    from transformers import AutoModelForCausalLM

    shutil.copytree(tiny_llama, folder)
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    model.model.norm.weight.data.fill_(value)
    model.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_numbers_are_named(tiny_llama: Path, tmp_path: Path, value: float) -> None:
    folder = _broken(tiny_llama, tmp_path / "broken", value)
    with loaded(configure(folder)) as backend, pytest.raises(BackendError) as caught:
        backend.encode(as_prompts(TEXTS))
    assert "logits are not numbers" in str(caught.value)
    assert "its weights are not numbers either (first in model.norm.weight)" in str(caught.value)
    assert "precision" not in str(caught.value)


def test_the_remedy_is_a_type_wider_than_the_one_in_use(tiny_llama: Path, tmp_path: Path) -> None:
    folder = _broken(tiny_llama, tmp_path / "large", 1e38)
    for precision, wider in (("bf16", "fp32"), ("fp16", "bf16 or fp32")):
        refused = pytest.raises(BackendError, match=f"set precision: {wider}, or download")
        with loaded(configure(folder, precision=precision)) as backend, refused:
            backend.encode(as_prompts(TEXTS))
    edit_json(folder / "config.json", rope_parameters={"rope_type": "linear", "factor": 0, "rope_theta": 1e4})
    with (
        loaded(configure(folder)) as backend,
        pytest.raises(BackendError, match=r"a value in its config\.json"),
    ):
        backend.encode(as_prompts(TEXTS))


def test_every_length_of_prompts_is_looked_at(tiny_llama: Path, tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = Path(shutil.copytree(tiny_llama, tmp_path / "broken"))
    (token,) = AutoTokenizer.from_pretrained(folder)("~", add_special_tokens=False)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(tiny_llama)
    with torch.no_grad():
        model.model.embed_tokens.weight[token] = float("nan")
    model.save_pretrained(folder)
    with loaded(configure(folder)) as backend:
        assert serve(backend, as_prompts(TEXTS))
        with pytest.raises(BackendError, match=r"not numbers .* for 1 of 1 prompts"):
            backend.encode(as_prompts([*TEXTS, "a ~"]))


def test_a_token_that_cannot_be_drawn_is_told_for_what_it_is(tiny_llama: Path) -> None:
    import torch

    config = configure(tiny_llama, decoder={"preset": "sampling"})
    with loaded(config) as backend:
        batches = batches_of(backend, as_prompts(TEXTS))
        with torch.no_grad():
            backend._loaded()._model.lm_head.weight.fill_(float("nan"))
        with pytest.raises(BackendError, match="for a token that it wrote"):
            backend._loaded().generate(batches[0])


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
