"""Model folders that transformers or PyTorch refuse for a value in a small file: named before the baseline."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from tests.support.model_files import write_gguf
from tests.support.models import edit_json

pytestmark = pytest.mark.model

Change = Callable[[Path], object]


def _problem(model: Path, *settings: str) -> str:
    """Return the one problem that `--dry-run` names."""
    arguments = ["run", "--model", str(model), "--device", "cpu", "--dry-run"]
    for setting in ("workload.max_input_tokens=64", "energy.meters=estimate", *settings):
        arguments += ["--set", setting]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 3, done.output
    assert "Traceback" not in done.output
    (problem,) = [line for line in done.stderr.splitlines() if line.startswith("  ✗ ")]
    return problem


@pytest.fixture
def model(tiny_llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_llama, tmp_path / "model"))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cache_implementation": "nonsense"}, "(ValueError: Invalid `cache_implementation` (nonsense))"),
        ({"max_new_tokens": -1}, "`max_new_tokens` must be greater than 0"),
        ({"early_stopping": "x"}, "`early_stopping` must be a boolean"),
        ({"num_return_sequences": 5}, "do not support `num_return_sequences`"),
        ({"pad_token_id": "2"}, "such as pad_token_id, is no number"),
        ({"watermarking_config": {"nope": 1}}, "unexpected keyword argument 'nope'"),
        ({"compile_config": "x"}, "`compile_config`"),
        ({"validate": 1}, "'int' object is not callable"),
    ],
)
def test_decoding_settings_that_no_loader_takes_are_refused_with_their_file(
    model: Path, changes: dict[str, Any], said: str
) -> None:
    edit_json(model / "generation_config.json", **changes)
    problem = _problem(model)
    assert "generation_config.json" in problem
    assert said in problem
    assert "correct" in problem


def test_decoding_settings_in_the_file_of_the_architecture_are_looked_at_too(model: Path) -> None:
    (model / "generation_config.json").unlink()
    edit_json(model / "config.json", cache_implementation="nonsense")
    assert "config.json cannot be used (ValueError: Invalid `cache_implementation`" in _problem(model)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_act": "nonsense"}, "no usable value for 'hidden_act' ('nonsense')"),
        ({"rope_scaling": {"rope_type": "nonsense", "factor": 2.0}}, "rope_type' ('nonsense')"),
        ({"rope_parameters": {"rope_type": "linear", "factor": "two", "rope_theta": 1e4}}, "'Tensor' and 'str'"),
        ({"dtype": "nonsense"}, "no usable value for 'torch_dtype', or 'dtype' (nonsense)"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("settings", [(), ("weights=random",), ("trust_remote_code=true",)])
def test_a_value_that_no_layer_knows_is_refused_with_its_key(
    model: Path, changes: dict[str, Any], said: str, settings: tuple[str, ...]
) -> None:
    edit_json(model / "config.json", **changes)
    problem = _problem(model, *settings)
    assert "config.json" in problem
    assert said in problem


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        ({"quant_method": "gptq", "bits": 4}, "`pip install optimum`): install it, or choose the version"),
        ({"quant_method": "awq", "bits": 4, "group_size": 128, "version": "gemm"}, "requires gptqmodel: install it"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "`pip install -U bitsandbytes"),
        ({"quant_method": "torchao", "quant_type": "int8_weight_only"}, "'torchao': install it"),
        ({"quant_method": "spqr"}, "or choose the version of this model that is not quantised"),
        ({"quant_method": "modelopt"}, "this version of transformers does not know (modelopt): pip install --upgrade"),
        ({"bits": 4}, "has no `quant_method` attribute"),
        ({"quant_method": ["gptq"]}, "the quantization_config in its config.json cannot be used (TypeError"),
    ],
)  # fmt: skip
def test_a_quantisation_that_cannot_be_used_here_is_refused_with_what_it_needs(
    model: Path, stored: dict[str, Any], said: str
) -> None:
    edit_json(model / "config.json", quantization_config=stored)
    assert said in _problem(model)


def _pickled(content: bytes) -> Change:
    return lambda folder: (folder / "pytorch_model.bin").write_bytes(content)


def _saved(content: Any) -> Change:
    def save(folder: Path) -> None:
        import torch

        torch.save(content, folder / "pytorch_model.bin")

    return save


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_pickled(b"this is no model\n" * 9), "it is damaged, or no file of weights"),
        (_pickled(pickle.dumps({"a": 1})), "it is damaged, or no file of weights"),
        (_saved({"a": Path("x")}), "it holds more than tensors and could run code: download"),
        (_saved([1, 2]), "tensors by name are needed, and it holds a list"),
        (_saved({}), "lacks 21 of its 21 tensors"),
    ],
)
def test_pickled_weights_that_are_none_are_refused(model: Path, change: Change, said: str) -> None:
    (model / "model.safetensors").unlink()
    change(model)
    assert said in _problem(model)


def test_a_type_of_tensor_that_no_reader_knows_is_refused(model: Path) -> None:
    content = (model / "model.safetensors").read_bytes()
    (model / "model.safetensors").write_bytes(content.replace(b'"F32"', b'"F99"'))
    assert "model.safetensors cannot be used: it is damaged, or no file of weights" in _problem(model)


def test_a_table_of_parts_is_refused_where_a_part_is_something_else(model: Path) -> None:
    (model / "model.safetensors").rename(model / "part-1.safetensors")
    (model / "part-2.weights").write_bytes(b"nothing")
    parts = {"lm_head.weight": "part-1.safetensors", "model.norm.weight": "part-2.weights"}
    (model / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    assert "part-2.weights cannot be used" in _problem(model)


def test_an_architecture_that_is_not_read_from_gguf_files_is_refused(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", values={"general.architecture": "rwkv9", "rwkv9.block_count": 1})
    assert "is of architecture 'rwkv9', which this version of transformers does not read" in _problem(file)


def test_a_type_of_tensors_that_is_not_unpacked_is_refused(tmp_path: Path) -> None:
    file = write_gguf(tmp_path / "m.gguf", kind=27)
    assert "has tensors of type I64, which the gguf package cannot unpack" in _problem(file)
