"""Code that a model brings (`trust_remote_code`): whatever fails in it is one sentence that ends the run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.backends.guarded import make_backend
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.exceptions import BackendError
from tests.support.models import edit_json
from tests.support.pytorch_runs import TEXTS, as_prompts, configure

pytestmark = pytest.mark.model

OWN = """
from transformers import LlamaConfig, LlamaForCausalLM

class OwnConfig(LlamaConfig):
    model_type = "own"

class OwnModel(LlamaForCausalLM):
    config_class = OwnConfig

    def {method}(self, *args, **given):
        {code}
"""


def _prepare(model: Path) -> None:
    backend = make_backend("pytorch")
    backend.load(configure(model, trust_remote_code=True), AnchoredClock())
    backend.encode(as_prompts(TEXTS))


@pytest.mark.parametrize(
    ("method", "code", "told"),
    [
        ("get_input_embeddings", "raise NotImplementedError", "NotImplementedError without a text"),
        ("get_output_embeddings", "raise AttributeError('no head')", "AttributeError: no head"),
        ("named_modules", "raise SystemExit(3)", "SystemExit: 3"),
        ("eval", "raise RuntimeError('not now')", "RuntimeError: not now"),
        ("forward", "raise KeyError('position')", "KeyError: 'position'"),
        ("forward", "return None", "TypeError"),
    ],
)
def test_whatever_fails_in_the_code_of_a_model_is_one_sentence(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, code: str, told: str
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "own"))
    classes = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    edit_json(folder / "config.json", auto_map=classes, model_type="own")
    (folder / "own.py").write_text(OWN.format(method=method, code=code))
    with pytest.raises(BackendError) as error:
        _prepare(folder)
    assert told in str(error.value)
    assert "\n" not in str(error.value)
