"""A model that cannot be measured as it is: said before the baseline, or in the result, not on standard error alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from llenergymeasure.cli.app import app
from tests.support.models import edit_json
from tests.support.standin_runs import BRIEF

pytestmark = pytest.mark.model

FITTING = ("workload.max_input_tokens=64", "workload.max_output_tokens=8", "energy.meters=estimate")


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _run(model: Path, *settings: str, flags: tuple[str, ...] = ("--dry-run",)) -> Any:
    arguments = ["run", "--model", str(model), "--device", "cpu", *flags]
    for setting in (*FITTING, *settings):
        arguments += ["--set", setting]
    done = CliRunner().invoke(app, arguments)
    assert "Traceback" not in done.output
    return done


def _problems(model: Path, *settings: str) -> str:
    done = _run(model, *settings)
    assert done.exit_code == 3, done.output
    return "\n".join(line for line in done.stderr.splitlines() if line.startswith("  ✗ "))


def _copy(folder: Path, name: str = "model") -> Path:
    return Path(shutil.copytree(folder, Path(name).absolute()))


def test_a_good_model_passes(tiny_llama: Path, tiny_gpt2: Path, tiny_opt: Path) -> None:
    for folder in (tiny_llama, tiny_gpt2, tiny_opt):
        assert _run(folder).exit_code == 0


def test_weights_under_another_prefix_are_refused(tiny_llama: Path) -> None:
    model = _copy(tiny_llama)
    weights = load_file(model / "model.safetensors")
    renamed = {f"other.{name}": tensor for name, tensor in weights.items()}
    save_file(renamed, model / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 21 of its 21 tensors (lm_head.weight, " in _problems(model)


@pytest.mark.parametrize("pickled", [False, True])
def test_a_layer_that_is_gone_is_refused(tiny_llama: Path, pickled: bool) -> None:
    import torch

    model = _copy(tiny_llama)
    weights = load_file(model / "model.safetensors")
    rest = {name: tensor for name, tensor in weights.items() if ".layers.1." not in name}
    if pickled:
        (model / "model.safetensors").unlink()
        torch.save(rest, model / "pytorch_model.bin")
    else:
        save_file(rest, model / "model.safetensors", metadata={"format": "pt"})
    assert "lacks 9 of its 21 tensors (model.layers.1." in _problems(model)


def test_weights_of_another_shape_are_refused(tiny_llama: Path) -> None:
    model = _copy(tiny_llama)
    edit_json(model / "config.json", intermediate_size=96)
    assert "do not have the shapes that config.json says" in _problems(model)


def test_the_file_at_fault_is_named(tiny_llama: Path) -> None:
    model = _copy(tiny_llama)
    (model / "tokenizer.json").write_text('{"version": "1.0",')
    assert f"{model}/tokenizer.json:1 is not valid JSON" in _problems(model)
    (model / "config.json").write_text("[]")
    assert f"{model}/config.json is a JSON list" in _problems(model)


def test_a_tokenizer_that_is_valid_json_and_no_tokenizer_is_refused(tiny_llama: Path) -> None:
    model = _copy(tiny_llama)
    (model / "tokenizer.json").write_text("{}")
    assert "its tokenizer cannot be used (KeyError" in _problems(model)
    for file in model.glob("tokenizer*"):
        file.unlink()
    assert "tokenizer" in _problems(model)


def test_an_adapter_as_the_model_names_its_base(tiny_adapter: Path, tiny_llama: Path) -> None:
    said = _problems(tiny_adapter)
    assert f"set model: {tiny_llama} and pytorch.lora_adapter: {tiny_adapter}" in said


def test_a_prompt_and_an_answer_beyond_the_context_are_refused(tiny_llama: Path) -> None:
    assert "the model's context is 512" in _problems(tiny_llama, "workload.max_output_tokens=600")


def test_a_missing_chat_template_is_refused(tiny_gpt2: Path, tiny_llama: Path) -> None:
    assert "has no chat template" in _problems(tiny_gpt2, "workload.chat_template=true")
    assert _run(tiny_llama, "workload.chat_template=true").exit_code == 0


def test_a_gguf_file_says_its_context_and_its_template(smollm2: str) -> None:
    assert "context is 8192" in _problems(Path(smollm2), "workload.max_output_tokens=8192")
    assert _run(Path(smollm2)).exit_code == 0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "is an encoder, BertForMaskedLM"),
        ({"model_type": "roberta", "architectures": None}, "is an encoder, RobertaConfig"),
        ({"model_type": "distilbert", "architectures": ["DistilBertModel"]}, "is no causal language model"),
        ({"model_type": "vit", "architectures": ["ViTForImageClassification"]}, "no head that generates text"),
        ({"architectures": ["LlamaForSequenceClassification"]}, "has no head that generates text"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"]}, "is an encoder with a decoder"),
        ({"model_type": "bart", "architectures": ["BartForConditionalGeneration"]}, "is an encoder with a decoder"),
        ({"model_type": "no_such_thing"}, "does not know its architecture"),
    ],
)  # fmt: skip
def test_a_model_that_is_no_generator_is_refused(
    tiny_llama: Path, changes: dict[str, Any], said: str
) -> None:
    model = _copy(tiny_llama)
    edit_json(model / "config.json", **changes)
    assert said in _problems(model)
    assert said in _problems(model, "weights=random")


def test_a_hub_model_in_the_cache_is_looked_into(tiny_llama: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    cache = Path("hub").absolute()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    repo = cache / "models--acme--tiny"
    shutil.copytree(tiny_llama, repo / "snapshots" / "0123")
    (repo / "refs").mkdir()
    (repo / "refs" / "main").write_text("0123")
    (repo / "snapshots" / "0123" / "config.json").write_text("{")
    assert "snapshots/0123/config.json:1 is not valid JSON" in _problems(Path("acme/tiny"))
    assert "HF_HUB_OFFLINE is set" in _problems(Path("acme/other"))


def test_random_tensors_that_were_let_pass_make_the_result_invalid(tiny_llama: Path) -> None:
    model = _copy(tiny_llama)
    edit_json(model / "config.json", intermediate_size=96)
    Path("run.json").write_text(
        json.dumps(
            {
                "model": str(model),
                "device": "cpu",
                "passthrough_kwargs": {"ignore_mismatched_sizes": True},
                "measurement": BRIEF["measurement"],
                "workload": {"n_prompts": 4, "max_input_tokens": 16, "max_output_tokens": 4},
                "energy": {"meters": "estimate"},
                "output_dir": "out",
            }
        )
    )
    Path("run.json").rename("run.yaml")
    done = CliRunner().invoke(app, ["run", "run.yaml", "--json", "--strict"])
    assert done.exit_code == 8, done.output
    result = json.loads(done.stdout)
    assert result["model_info"]["weights"] == "partly random"
    (warning,) = [each for each in result["warnings"] if each["code"] == "weights_missing"]
    assert warning["severity"] == "invalid"
    assert "6 of 21 tensors" in warning["message"]
    (bundle,) = Path("out/single").glob("[!.]*")
    assert CliRunner().invoke(app, ["verify", str(bundle)]).exit_code == 0
