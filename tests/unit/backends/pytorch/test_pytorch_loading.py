from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.exceptions import BackendError
from tests.support import models
from tests.support.models import edit_json
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, generate, loaded, serve

pytestmark = pytest.mark.model


def copy(folder: Path, target: Path, **config: object) -> Path:
    shutil.copytree(folder, target)
    if config:
        edit_json(target / "config.json", **config)
    return target


def model_of(backend: PyTorchBackend):
    return backend._loaded()._model


def test_the_model_says_what_it_is(tiny_llama):
    backend = PyTorchBackend()
    info = backend.load(configure(tiny_llama, precision="bf16"), AnchoredClock())
    backend.close()
    assert info.architecture == "LlamaForCausalLM"
    assert (info.n_layers, info.hidden_size, info.n_attention_heads, info.n_kv_heads) == (2, 64, 4, 2)
    assert (info.head_dim, info.vocab_size, info.context_length) == (16, 400, 512)
    assert (info.dtype, info.attention, info.devices) == ("bfloat16", "sdpa", ("cpu",))
    assert info.weight_bytes == 2 * info.n_parameters
    assert info.quantisation is None


@pytest.mark.parametrize(
    ("precision", "name"), [("fp32", "float32"), ("fp16", "float16"), ("bf16", "bfloat16")]
)
@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_precision_is_the_data_type_of_the_weights(tiny_opt, precision, name, weights):
    with loaded(configure(tiny_opt, precision=precision, weights=weights)) as backend:
        types = {str(parameter.dtype) for parameter in model_of(backend).parameters()}
    assert types == {f"torch.{name}"}


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_the_attention_asked_for_is_in_force(tiny_llama, attention, weights):
    backend = PyTorchBackend()
    config = configure(tiny_llama, weights=weights, pytorch={"attn_implementation": attention})
    assert backend.load(config, AnchoredClock()).attention == attention
    backend.close()


def test_an_explicit_device_map_is_followed(tiny_llama, tmp_path):
    placed = {
        "pytorch": {"device_map": {"model": "cpu", "lm_head": "disk"}},
        "passthrough_kwargs": {"offload_folder": str(tmp_path)},
    }
    backend = PyTorchBackend()
    info = backend.load(configure(tiny_llama, **placed), AnchoredClock())
    backend.close()
    assert info.devices == ("cpu", "disk")
    assert info.weight_bytes == 4 * info.n_parameters
    assert [g.output_ids for g in generate(tiny_llama, **placed)] == [
        g.output_ids for g in generate(tiny_llama, pytorch={"device_map": "cpu"})
    ]


def test_the_number_of_threads_is_set(tiny_llama):
    import torch

    before = torch.get_num_threads()
    try:
        with loaded(configure(tiny_llama, pytorch={"num_threads": 1})):
            assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_loading_seeds_every_generator(tiny_llama):
    import random

    import numpy as np
    import torch

    def draws() -> tuple[float, float, float]:
        with loaded(configure(tiny_llama, random_seed=11)):
            return random.random(), float(np.random.random()), float(torch.rand(()))

    assert draws() == draws()


def test_random_weights_need_no_weights_and_follow_the_seed(tiny_llama, tmp_path):
    bare = copy(tiny_llama, tmp_path / "bare")
    (bare / "model.safetensors").unlink()

    def output(seed: int) -> tuple[int, ...]:
        return generate(bare, TEXTS[:1], weights="random", random_seed=seed)[0].output_ids

    assert output(1) == output(1) != output(2)


def test_random_weights_have_the_pretrained_shape(tiny_gpt2):
    backend = PyTorchBackend()
    random, pretrained = (
        backend.load(configure(tiny_gpt2, weights=weights), AnchoredClock())
        for weights in ("random", "pretrained")
    )
    backend.close()
    assert random.weights == "random"
    assert random.model_copy(update={"weights": "pretrained"}) == pretrained


@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_passthrough_arguments_reach_the_loader(tiny_llama, weights):
    config = configure(tiny_llama, weights=weights, passthrough_kwargs={"attention_dropout": 0.125})
    with loaded(config) as backend:
        assert model_of(backend).config.attention_dropout == 0.125


def test_passthrough_chooses_the_kind_of_files(tiny_llama):
    with pytest.raises(BackendError, match="no weights of that kind"):
        generate(tiny_llama, passthrough_kwargs={"use_safetensors": False})


@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_an_argument_that_nothing_takes_is_named(tiny_llama, weights):
    with pytest.raises(BackendError, match=r"'nonsense'.*passthrough_kwargs"):
        generate(tiny_llama, weights=weights, passthrough_kwargs={"nonsense": 1})


def test_pickled_tensors_load_like_safetensors(tiny_llama, tmp_path):
    pickled = models.build_llama(tmp_path / "pickled", safetensors=False)
    assert not (pickled / "model.safetensors").exists()
    assert [g.output_ids for g in generate(pickled)] == [g.output_ids for g in generate(tiny_llama)]


def test_a_pickle_that_would_run_code_is_refused_and_runs_nothing(tiny_llama, tmp_path):
    import torch

    canary = tmp_path / "canary"

    class Trap:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(canary), "w"))

    trapped = copy(tiny_llama, tmp_path / "trapped")
    (trapped / "model.safetensors").unlink()
    torch.save({"weight": Trap()}, trapped / "pytorch_model.bin")
    with pytest.raises(BackendError, match="use safetensors"):
        generate(trapped)
    assert not canary.exists()


def folder_with_code(tiny_llama: Path, target: Path, canary: Path) -> Path:
    classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    folder = copy(tiny_llama, target, auto_map=classes, model_type="own")
    (folder / "own.py").write_text(
        "from transformers import LlamaConfig, LlamaForCausalLM\n"
        f"open({str(canary)!r}, 'w').close()\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    return folder


@pytest.mark.parametrize("weights", ["pretrained", "random"])
def test_code_of_a_model_is_not_run_unasked(tiny_llama, tmp_path, weights):
    canary = tmp_path / "canary"
    folder = folder_with_code(tiny_llama, tmp_path / "own", canary)
    with pytest.raises(BackendError, match="set trust_remote_code: true if you trust it"):
        generate(folder, weights=weights)
    assert not canary.exists()


def test_code_of_a_model_runs_when_asked_for(tiny_llama, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    canary = tmp_path / "canary"
    folder = folder_with_code(tiny_llama, tmp_path / "own", canary)
    assert generate(folder, trust_remote_code=True)
    assert canary.exists()


def test_a_lora_adapter_changes_the_output_and_is_counted(tiny_llama, tiny_adapter):
    plain = generate(tiny_llama)
    adapted = generate(tiny_llama, pytorch={"lora_adapter": str(tiny_adapter)})
    merged = generate(tiny_llama, pytorch={"lora_adapter": str(tiny_adapter), "lora_merge": True})
    assert [g.output_ids for g in adapted] != [g.output_ids for g in plain]
    assert [g.output_ids for g in merged] == [g.output_ids for g in adapted]


def test_lora_weights_compute_in_the_precision_asked_for_and_count_as_parameters(tiny_llama, tiny_adapter):
    backend = PyTorchBackend()
    plain = backend.load(configure(tiny_llama, precision="bf16"), AnchoredClock())
    options = {"lora_adapter": str(tiny_adapter)}
    adapted = backend.load(configure(tiny_llama, precision="bf16", pytorch=options), AnchoredClock())
    types = {str(parameter.dtype) for parameter in model_of(backend).parameters()}
    merged = backend.load(
        configure(tiny_llama, precision="bf16", pytorch={**options, "lora_merge": True}), AnchoredClock()
    )
    backend.close()
    lora = 2 * 4 * ((64 + 64) + (64 + 32))  # layers x rank x (in + out) of query and value
    assert types == {"torch.bfloat16"}
    assert adapted.n_matmul_parameters - plain.n_matmul_parameters == lora
    assert merged.n_parameters == plain.n_parameters


def test_an_adapter_that_is_not_there_is_named(tiny_llama, tmp_path):
    with pytest.raises(
        BackendError, match=r"adapter .*nowhere cannot be loaded: there is no adapter_config.json"
    ):
        generate(tiny_llama, pytorch={"lora_adapter": str(tmp_path / "nowhere")})


def test_an_adapter_of_another_kind_is_refused(tiny_llama, tiny_adapter, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(tiny_adapter, other)
    edit_json(other / "adapter_config.json", peft_type="IA3")
    with pytest.raises(BackendError, match="takes LoRA adapters only"):
        generate(tiny_llama, pytorch={"lora_adapter": str(other)})


@pytest.mark.parametrize(
    ("config", "meaning"),
    [
        ({"model_type": "weirdo", "architectures": ["Weirdo"]}, "pip install --upgrade transformers"),
        ({"hidden_size": 128}, "do not have the shapes"),
        ({"model_type": "t5", "architectures": ["T5Model"]}, "no causal language model"),
    ],
)
def test_a_folder_that_does_not_fit_says_what_is_wrong(tiny_llama, tmp_path, config, meaning):
    with pytest.raises(BackendError, match=meaning):
        generate(copy(tiny_llama, tmp_path / "odd", **config))


def test_a_folder_without_weights_says_so(tiny_llama, tmp_path):
    bare = copy(tiny_llama, tmp_path / "bare")
    (bare / "model.safetensors").unlink()
    with pytest.raises(BackendError, match="weights: random"):
        generate(bare)


def test_damaged_weights_are_said_to_be_damaged(tiny_llama, tmp_path):
    damaged = copy(tiny_llama, tmp_path / "damaged")
    (damaged / "model.safetensors").write_bytes(b"not what it was")
    with pytest.raises(BackendError, match="download them again"):
        generate(damaged)


def test_a_folder_without_a_tokenizer_says_so(tiny_llama, tmp_path):
    mute = copy(tiny_llama, tmp_path / "mute")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (mute / name).unlink()
    with pytest.raises(BackendError, match="tokenizer cannot be read"):
        generate(mute)


def info_of(folder: Path, **fields: object):
    backend = PyTorchBackend()
    info = backend.load(configure(folder, **fields), AnchoredClock())
    backend.close()
    return info


def test_a_whole_model_has_no_faults(tiny_llama, tiny_gpt2, tiny_opt):
    for folder in (tiny_llama, tiny_gpt2, tiny_opt):  # tied output layers are no missing tensors
        info = info_of(folder)
        assert (info.weights, info.weight_faults) == ("pretrained", None)


def test_tensors_that_the_weights_lack_are_recorded(tiny_llama, tmp_path):
    info = info_of(copy(tiny_llama, tmp_path / "deeper", num_hidden_layers=3))
    faults = info.weight_faults
    assert info.weights == "partly random"
    assert (faults.n_missing, faults.n_tensors) == (9, 30)
    assert faults.missing[0] == "model.layers.2.input_layernorm.weight"
    assert faults.random_parameters / faults.n_parameters == pytest.approx(0.23, abs=0.03)


def test_tensors_that_the_model_has_no_place_for_are_recorded(tiny_llama, tmp_path):
    info = info_of(copy(tiny_llama, tmp_path / "flatter", num_hidden_layers=1))
    assert info.weights == "pretrained"
    assert (info.weight_faults.n_unused, info.weight_faults.n_missing) == (9, 0)


def test_tensors_of_another_shape_are_recorded_where_they_are_let_pass(tiny_llama, tmp_path):
    wider = copy(tiny_llama, tmp_path / "wider", intermediate_size=96)
    info = info_of(wider, passthrough_kwargs={"ignore_mismatched_sizes": True})
    assert (info.weights, info.weight_faults.n_mismatched) == ("partly random", 6)


def test_a_hub_out_of_reach_says_what_to_do(monkeypatch):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(BackendError, match="the Hub cannot be reached"):
        generate("owner/never-seen-model")


def test_an_unknown_compiler_is_named(tiny_llama):
    with pytest.raises(BackendError, match=r"correct pytorch.torch_compile_backend"):
        generate(tiny_llama, pytorch={"torch_compile": True, "torch_compile_backend": "nonsense"})


def test_too_little_memory_to_load_says_what_to_try(tiny_llama, tmp_path):
    huge = copy(tiny_llama, tmp_path / "huge", vocab_size=10**12)
    with pytest.raises(BackendError, match=r"out of memory \(.*\): choose a smaller model") as failure:
        generate(huge, weights="random")
    assert "alloc_cpu.cpp" not in str(failure.value)


def test_too_little_memory_to_generate_says_what_to_try(tiny_llama, tmp_path):
    endless = copy(tiny_llama, tmp_path / "endless", max_position_embeddings=10**13)
    config = configure(endless, max_output_tokens=10**9, pytorch={"cache_implementation": "static"})
    with (
        loaded(config) as backend,
        pytest.raises(BackendError, match=r"out of memory .* lower pytorch.batch_size"),
    ):
        serve(backend, as_prompts(TEXTS))


def test_a_backend_without_a_model_says_so():
    with pytest.raises(BackendError, match="no model is loaded"):
        PyTorchBackend().encode(as_prompts(TEXTS))


def test_closing_frees_the_model_and_may_be_done_twice(tiny_llama):
    import gc
    import weakref

    backend = PyTorchBackend()
    backend.load(configure(tiny_llama), AnchoredClock())
    model = weakref.ref(model_of(backend))
    backend.close()
    backend.close()
    gc.collect()
    assert model() is None


def test_closing_after_a_failed_load_is_quiet(tmp_path):
    backend = PyTorchBackend()
    with pytest.raises(BackendError):
        backend.load(configure(tmp_path), AnchoredClock())
    backend.close()


def test_loading_and_generating_print_nothing(tiny_llama, capfd):
    generate(tiny_llama, pytorch={"batch_size": 3})
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
