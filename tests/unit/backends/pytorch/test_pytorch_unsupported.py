from __future__ import annotations

import importlib.machinery
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.backends.pytorch import precision, unsupported
from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.config.models import ExperimentConfig


def check(**fields: Any) -> list[str]:
    return PyTorchBackend().check(
        ExperimentConfig.model_validate({"model": "owner/model", "device": "cpu", **fields})
    )


@pytest.fixture
def everything_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def find(name: str, package: str | None = None) -> Any:
        return importlib.machinery.ModuleSpec(name, None) if name in OPTIONAL else real(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", find)


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, package=None: None if name in OPTIONAL else real(name, package),
    )


OPTIONAL = ("accelerate", "bitsandbytes", "peft", "gguf", "flash_attn", "flash_attn_interface")


def test_a_plain_experiment_is_not_refused():
    assert check() == []
    assert check(device="cuda", precision="fp32") == []


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"pytorch": {"device_map": "cpu"}}, "pip install accelerate"),
        ({"pytorch": {"load_in_4bit": True}, "device": "cuda"}, "pip install bitsandbytes"),
        ({"pytorch": {"load_in_8bit": True}, "device": "cuda"}, "pip install bitsandbytes"),
        ({"pytorch": {"lora_adapter": "a/b"}}, "pip install peft"),
        ({"model": "owner/model/file.gguf"}, "pip install gguf"),
        (
            {"pytorch": {"attn_implementation": "flash_attention_2"}, "device": "cuda"},
            "pip install flash-attn",
        ),
    ],
)
def test_a_missing_package_comes_with_the_command_that_brings_it(fields, command):
    assert any(command in reason for reason in check(**fields))


@pytest.mark.usefixtures("everything_installed")
@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"pytorch": {"device_map": "auto"}}, "device is cpu"),
        ({"pytorch": {"device_map": {"": 0}}}, "device is cpu"),
        ({"pytorch": {"device_map": "cpu"}, "weights": "random"}, "weights: random"),
        ({"pytorch": {"load_in_4bit": True}}, "CUDA"),
        ({"pytorch": {"load_in_4bit": True}, "device": "cuda", "weights": "random"}, "weights: random"),
        ({"pytorch": {"load_in_8bit": True}, "device": "cuda", "model": "o/m/f.gguf"}, "own quantisation"),
        ({"pytorch": {"attn_implementation": "flash_attention_2"}}, "CUDA"),
        (
            {"pytorch": {"attn_implementation": "flash_attention_3"}, "device": "cuda", "precision": "fp32"},
            "fp16 or bf16",
        ),
        ({"pytorch": {"cache_implementation": "static", "prompt_lookup_num_tokens": 3}}, "prompt lookup"),
        ({"pytorch": {"cache_implementation": "offloaded"}}, "device is cpu"),
        ({"pytorch": {"cache_implementation": "quantized"}}, "pip install optimum-quanto"),
        (
            {
                "pytorch": {
                    "torch_compile": True,
                    "torch_compile_backend": "eager",
                    "torch_compile_mode": "max-autotune",
                }
            },
            "ignores it",
        ),
    ],
)
def test_what_cannot_work_is_refused_before_loading(fields, word, monkeypatch):
    monkeypatch.setattr(precision, "_capabilities", list)
    (reason,) = check(**fields)
    assert word in reason
    assert ": " in reason


@pytest.mark.parametrize("key", sorted(unsupported.RESERVED))
def test_a_passthrough_key_that_is_set_here_names_the_field(key):
    (reason,) = check(passthrough_kwargs={key: "x"})
    assert f"'{key}'" in reason
    assert unsupported.RESERVED[key] in reason


def test_other_passthrough_keys_pass():
    assert check(passthrough_kwargs={"use_safetensors": True, "attention_dropout": 0.1}) == []


def test_a_revision_of_a_local_model_is_refused(tmp_path):
    (reason,) = check(model=str(tmp_path), revision="main")
    assert "remove it" in reason
    assert check(revision="main") == []


def test_a_missing_path_is_left_to_pre_flight():
    assert check(model="/no/such/model") == []
    assert check(model="package:no_such_package_at_all") == []


def test_a_package_with_two_models_is_refused(tmp_path: Path, monkeypatch):
    folder = tmp_path / "twomodels"
    folder.mkdir()
    for name in ("__init__.py", "a.gguf", "b.gguf"):
        (folder / name).touch()
    monkeypatch.syspath_prepend(tmp_path)
    (reason,) = check(model="package:twomodels")
    assert "choose one of package:twomodels/a.gguf, package:twomodels/b.gguf" in reason


def test_compiling_for_a_cpu_needs_a_compiler(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    (reason,) = check(pytorch={"torch_compile": True})
    assert "g++" in reason
    assert check(pytorch={"torch_compile": True, "torch_compile_backend": "aot_eager"}) == []


@pytest.mark.parametrize(
    ("asked", "capability", "instead"),
    [("bf16", (7, 5), "fp16"), ("bf16", (5, 0), "fp32"), ("fp16", (5, 2), "fp32")],
)
def test_a_gpu_that_lacks_a_precision_is_named(asked, capability, instead, monkeypatch):
    monkeypatch.setattr(precision, "_capabilities", lambda: [("Tesla Old", capability)])
    (reason,) = check(device="cuda", precision=asked)
    assert "Tesla Old" in reason
    assert reason.endswith(f"set precision: {instead}")


@pytest.mark.parametrize(("asked", "capability"), [("bf16", (8, 0)), ("fp16", (7, 0)), ("fp32", (3, 0))])
def test_a_gpu_that_has_the_precision_is_let_through(asked, capability, monkeypatch):
    monkeypatch.setattr(precision, "_capabilities", lambda: [("GPU", capability)])
    assert check(device="cuda", precision=asked) == []


@pytest.mark.model
def test_fp16_on_a_cpu_is_tried_rather_than_guessed(tiny_llama):
    from tests.support.pytorch_runs import generate

    refused = check(model=str(tiny_llama), precision="fp16")
    if not refused:
        assert all(
            generation.output_ids
            for generation in generate(tiny_llama, precision="fp16", pytorch={"batch_size": 3})
        )


@pytest.mark.model
def test_fp16_is_refused_where_torch_cannot(monkeypatch):
    import torch

    def cannot(*_arguments: object) -> None:
        raise RuntimeError("\"LayerNormKernelImpl\" not implemented for 'Half'")

    monkeypatch.setattr(torch.nn.functional, "layer_norm", cannot)
    (reason,) = check(precision="fp16")
    assert "set precision: bf16 or fp32" in reason


def test_checking_imports_no_transformers():
    import subprocess
    import sys

    code = (
        "import sys; from llenergymeasure.backends.pytorch.backend import PyTorchBackend as B;"
        "from llenergymeasure.config.models import ExperimentConfig as C;"
        "B().check(C(model='a/b', device='cpu', pytorch={'lora_adapter': 'x', 'num_beams': 2}));"
        "B().close(); sys.exit('transformers' in sys.modules or 'torch' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("value", ["100000", "99999, 2", "9" * 5000])
def test_threads_of_the_environment_that_no_machine_has_are_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    (refusal,) = check()
    assert refusal.startswith(
        "OMP_NUM_THREADS is 9999" if value[0] == "9" else "OMP_NUM_THREADS is 100000 in"
    )
    assert check(pytorch={"num_threads": 1}) == []


@pytest.mark.parametrize("value", ["", "0", "64", "many", "4,2"])
def test_other_threads_of_the_environment_are_left_alone(value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert check() == []


def test_threads_that_no_machine_like_this_has_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert check(pytorch={"num_threads": 12}) == []
    (refusal,) = check(pytorch={"num_threads": 13})
    assert refusal.startswith(
        "pytorch.num_threads 13 is more than 12, 4 for each of the 3 processors of this machine: set "
    )
