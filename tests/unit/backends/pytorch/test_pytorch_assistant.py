"""An assistant proposes tokens, and the model decides: the answer stays, and what was right is known."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.options import PyTorchConfig
from llenergymeasure.exceptions import BackendError
from llenergymeasure.orchestration.fingerprinting import fingerprint, local_weights
from llenergymeasure.orchestration.readiness.selection import find_workload
from tests.support.model_files import write_gguf
from tests.support.models import build_llama, save_tokenizer
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, generate, loaded, serve

IGNORING_EOS = {"ignore_eos": True}


@pytest.fixture(scope="module")
def smaller(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_llama(tmp_path_factory.mktemp("smaller"), hidden_size=32, seed=3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"batch_size": 2}, "batch_size 1"),
        ({"num_beams": 2}, "num_beams 1"),
        ({"use_cache": False}, "use_cache: true"),
        ({"prompt_lookup_num_tokens": 2}, "keep one"),
    ],
)
def test_an_assistant_is_refused_where_no_tokens_can_be_proposed(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PyTorchConfig(assistant_model="a/b", **options)
    with pytest.raises(ValidationError, match="no effect without assistant_model"):
        PyTorchConfig(num_assistant_tokens=3)


@pytest.mark.model
def test_a_model_that_is_its_own_assistant_accepts_every_token(tiny_llama):
    (plain,) = generate(tiny_llama, TEXTS[:1], max_output_tokens=30, decoder=IGNORING_EOS)
    options = {"assistant_model": str(tiny_llama), "num_assistant_tokens": 4}
    (assisted,) = generate(tiny_llama, TEXTS[:1], max_output_tokens=30, decoder=IGNORING_EOS, pytorch=options)
    assert assisted.output_ids == plain.output_ids
    assert assisted.chunk_tokens == (5,) * 6
    assert assisted.drafted_tokens == (4,) * 6


@pytest.mark.model
def test_another_assistant_changes_no_token_and_proposes_as_many_in_every_repeat(tiny_llama, smaller):
    plain = generate(tiny_llama, max_output_tokens=24, decoder=IGNORING_EOS)
    options = {"assistant_model": str(smaller)}
    config = configure(tiny_llama, max_output_tokens=24, decoder=IGNORING_EOS, pytorch=options)
    with loaded(config) as backend:
        first, second = (serve(backend, as_prompts(TEXTS)) for _ in range(2))
        info = backend._loaded()._info
    assert 0 < info.assistant_weight_bytes < info.weight_bytes
    assert [each.output_ids for each in first] == [each.output_ids for each in plain]
    assert [each.drafted_tokens for each in first] == [each.drafted_tokens for each in second]
    assert max(max(each.drafted_tokens) for each in first) == 5
    assert sum(sum(each.chunk_tokens) for each in first) == sum(len(each.output_ids) for each in plain)


@pytest.mark.model
def test_sampling_with_an_assistant_is_the_same_in_every_repeat(tiny_llama, smaller):
    options = {"assistant_model": str(smaller)}
    config = configure(tiny_llama, decoder={"preset": "sampling"}, pytorch=options)
    with loaded(config) as backend:
        first, second = (serve(backend, as_prompts(TEXTS)) for _ in range(2))
    assert [each.output_ids for each in first] == [each.output_ids for each in second]


def _check(model: Path, **options: Any) -> list[str]:
    return PyTorchBackend().check(configure(model, pytorch=options))


def _with_more_tokens(model: Path, folder: Path) -> Path:
    from transformers import AutoModelForCausalLM

    shutil.copytree(model, folder)
    wider = AutoModelForCausalLM.from_pretrained(model)
    wider.resize_token_embeddings(wider.config.vocab_size + 8, mean_resizing=False)
    wider.save_pretrained(folder)
    return folder


@pytest.mark.model
def test_an_assistant_with_other_tokens_is_refused(tiny_llama, tmp_path):
    other = _with_more_tokens(tiny_llama, tmp_path / "other")
    (refusal,) = _check(tiny_llama, assistant_model=str(other))
    assert refusal.startswith(f"pytorch.assistant_model: {other} has embeddings of ")
    assert "smaller model of the same family" in refusal

    gguf = write_gguf(tmp_path / "draft.gguf")
    (refusal,) = _check(tiny_llama, assistant_model=str(gguf))
    assert refusal.startswith(f"pytorch.assistant_model: {gguf} has embeddings of 8 tokens")

    renamed = Path(shutil.copytree(tiny_llama, tmp_path / "renamed"))
    specials = {"bos_token": "<b>", "eos_token": "<e>", "pad_token": "<p>", "unk_token": "<u>"}
    save_tokenizer(renamed, specials=specials)
    assert _check(tiny_llama, assistant_model=str(renamed)) == []
    with pytest.raises(BackendError, match="writes other tokens than the model"):
        generate(tiny_llama, pytorch={"assistant_model": str(renamed)})


@pytest.mark.model
def test_a_model_that_cannot_forget_rejected_tokens_is_refused(tiny_llama, tmp_path):
    from transformers import MambaConfig, MambaForCausalLM

    mamba = Path(shutil.copytree(tiny_llama, tmp_path / "mamba"))
    size = json.loads((mamba / "config.json").read_text())["vocab_size"]
    MambaForCausalLM(MambaConfig(vocab_size=size, hidden_size=16, num_hidden_layers=1)).save_pretrained(mamba)
    assert _check(mamba) == []
    (refusal,) = _check(mamba, prompt_lookup_num_tokens=2)
    assert "rejected ones cannot be removed" in refusal
    (refusal,) = _check(tiny_llama, assistant_model=str(mamba))
    assert refusal.startswith(f"pytorch.assistant_model: model {mamba} (model_type mamba) keeps a state")


@pytest.mark.model
def test_an_assistant_is_looked_into_before_anything_is_loaded(tiny_llama, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from llenergymeasure.cli.app import app

    def refusal(assistant: object, *more: str) -> str:
        settings = [f"pytorch.assistant_model={assistant}", *more]
        command = ["run", "--model", str(tiny_llama), "--device", "cpu", "--dry-run"]
        done = CliRunner().invoke(app, [*command, *(word for each in settings for word in ("--set", each))])
        assert done.exit_code == 3, done.output
        return done.stderr

    assert refusal("http://x/y").count("pytorch.assistant_model: ") == 1
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    assert "set `pytorch.assistant_model` to its folder" in refusal("nobody/nothing")
    nowhere = tmp_path / "nowhere"
    assert f"pytorch.assistant_model: model {nowhere} does not exist" in refusal(nowhere)
    broken = Path(shutil.copytree(tiny_llama, tmp_path / "broken"))
    (broken / "model.safetensors").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    assert "pytorch.assistant_model: " in refusal(broken)
    assert "LFS" in refusal(broken)
    assert "pytorch.assistant_revision is for models on the Hub" in refusal(
        tiny_llama, "pytorch.assistant_revision=main"
    )


@pytest.mark.model
def test_the_weights_of_an_assistant_are_in_the_fingerprints(tiny_llama, smaller):
    digests = []
    for options in ({}, {"assistant_model": str(tiny_llama)}, {"assistant_model": str(smaller)}):
        config = configure(tiny_llama, pytorch=options, workload={"n_prompts": 1})
        prompts = find_workload("builtin").prompts(config.workload, 0)
        found = fingerprint(
            config, PyTorchBackend(), None, (find_workload("builtin"), prompts, []), local_weights(config)
        )
        digests.append(found.assistant_sha256)
        assert options == {} or found.assistant_sha256
    assert digests[0] is None
    assert digests[1] != digests[2]
