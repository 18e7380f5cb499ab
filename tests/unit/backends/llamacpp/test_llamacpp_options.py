"""What the llama.cpp backend refuses before anything is loaded, and what follows from its options."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.backends.llamacpp.backend import LlamaCppBackend
from llenergymeasure.backends.llamacpp.facts import describe_serving
from llenergymeasure.backends.llamacpp.parameters import context_of_slot, options_of, threads_of
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.cpu import most_threads
from tests.support.model_files import model_folder, write_gguf


def configure(model: Path | str, **settings: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate(
        {"model": str(model), "backend": "llamacpp", "device": "cpu", **settings}
    )


def refused(model: Path | str, **settings: Any) -> str:
    return "\n".join(LlamaCppBackend().check(configure(model, **settings)))


@pytest.fixture
def gguf(tmp_path: Path) -> Path:
    return write_gguf(tmp_path / "m.gguf")


def test_a_gguf_file_is_ready(gguf: Path) -> None:
    assert refused(gguf) == ""


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"precision": "fp16"}, "precision: fp16 has no effect on m.gguf"),
        ({"weights": "random"}, "weights: random"),
        ({"trust_remote_code": True}, "trust_remote_code has no effect"),
        ({"revision": "main"}, "revision is for models on the Hub"),
        ({"llamacpp": {"n_gpu_layers": 3}}, "llamacpp.n_gpu_layers puts layers on a GPU"),
        ({"llamacpp": {"n_threads": 10_000}}, "llamacpp.n_threads 10000 is more than"),
        ({"passthrough_kwargs": {"n_ctx": 64}}, "set llamacpp.n_ctx_per_slot"),
        ({"passthrough_kwargs": {"port": 80}}, "'port' is set by this backend: remove it"),
    ],
)
def test_a_setting_that_would_have_no_effect_is_refused(
    gguf: Path, settings: dict[str, Any], words: str
) -> None:
    assert words in refused(gguf, **settings)


def test_a_folder_is_told_which_file_in_it_to_name(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    assert "is a folder, and this backend reads GGUF files" in refused(folder)
    file = write_gguf(folder / "q4.gguf")
    assert f"set `model` to {file}" in refused(folder)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("owner/name", "is no GGUF file, and this backend reads no others"),
        ("owner/name/q4.gguf", "`hf download owner/name q4.gguf`"),
        ("https://example.com/q4.gguf", "is a URL"),
    ],
)
def test_what_is_not_on_this_machine_is_not_downloaded(
    model: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert words in refused(model)


def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    assert "is damaged: it ends 8 bytes early" in refused(write_gguf(tmp_path / "m.gguf", cut=8))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n_batch": 64, "n_ubatch": 128}, "n_ubatch 128 is a part of n_batch 64"),
        ({"flash_attn": "off", "cache_type_v": "q8_0"}, "cache_type_v: q8_0 needs flash attention"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        configure("m.gguf", llamacpp=options)


def test_a_slot_has_room_for_the_longest_prompt_and_answer() -> None:
    workload = {"max_input_tokens": 500, "max_output_tokens": 100}
    assert context_of_slot(configure("m.gguf", workload=workload)) == 768
    assert context_of_slot(configure("m.gguf", llamacpp={"n_ctx_per_slot": 100})) == 256


def test_prompts_have_as_many_threads_as_answers_unless_it_is_said() -> None:
    assert threads_of(options_of(configure("m.gguf"))) == (most_threads(), most_threads())
    assert threads_of(options_of(configure("m.gguf", llamacpp={"n_threads": 1}))) == (1, 1)
    both = {"n_threads": 1, "n_threads_batch": 2}
    assert threads_of(options_of(configure("m.gguf", llamacpp=both))) == (1, 2)


def test_how_the_engine_serves_is_told_as_far_as_it_is_known() -> None:
    greedy = describe_serving(configure("m.gguf", llamacpp={"cache_type_v": "q8_0"}))
    assert (greedy.sampling, greedy.context_limit, greedy.kv_cache_dtype) == ({}, 768, "f16/q8_0")
    assert greedy.stop_token_ids is None  # the engine has more than the file names
    drawn = describe_serving(
        configure("m.gguf", decoder={"temperature": 0.5, "repetition_penalty": 1.2, "ignore_eos": True})
    )
    assert drawn.sampling == {"temperature": 0.5, "top_k": 0, "top_p": 1.0, "repetition_penalty": 1.2}
    assert drawn.stop_token_ids == ()
