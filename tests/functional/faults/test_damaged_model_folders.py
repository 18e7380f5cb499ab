"""Real model folders of which a value or some bytes were changed: what cannot be loaded is refused before the baseline.

The trial of the tokenizer, in a process of its own, is left out: what is wrong with a tokenizer is found by the load.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.exceptions import LLEMError
from llenergymeasure.orchestration.readiness.checks import check_backend_options, check_model_folder
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, loaded, serve

pytestmark = pytest.mark.model

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    3,
    1.5,
    1e308,
    10**12,
    "",
    "x",
    [],
    [1],
    {},
    {"a": 1},
    [[1]],
    "1",
]
JSON_FILES = (
    "config.json",
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "tokenizer.json",
)
MORE_KEYS = {
    "config.json": (
        "quantization_config",
        "rope_parameters",
        "layer_types",
        "text_config",
        "head_dim",
        "dtype",
    ),
    "generation_config.json": (
        "num_beams",
        "temperature",
        "cache_implementation",
        "stop_strings",
        "max_length",
    ),
    "tokenizer_config.json": ("chat_template", "tokenizer_class", "auto_map", "model_max_length"),
    "tokenizer.json": ("model",),
}
BYTES_IN = ("model.safetensors", "config.json", "tokenizer.json")


def _damage(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    if seed % 4 == 0:
        _change_bytes(folder / chance.choice(BYTES_IN), chance)
    else:
        _change_value(folder / chance.choice(JSON_FILES), chance)


def _change_bytes(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    at = chance.randrange(min(len(content), 3000))
    how = chance.choice(["flip", "cut", "insert"])
    if how == "flip":
        content[at] = chance.randrange(256)
    file.write_bytes(
        content[:at] if how == "cut" else content[:at] + b"\x00{" * (how == "insert") + content[at:]
    )


def _change_value(file: Path, chance: random.Random) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    value = chance.choice(VALUES)
    if chance.random() < 0.5:
        content[chance.choice(MORE_KEYS[file.name])] = value
    else:
        holder, key = chance.choice(list(_places(content)))
        holder[key] = value
    file.write_text(json.dumps(content), encoding="utf-8")


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    entries = content.items() if isinstance(content, dict) else list(enumerate(content))[:20]
    for key, value in entries:
        yield content, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def _failure(folder: Path) -> str | None:
    """Return what the checks before the baseline say, else what loading and serving says; None where it is served."""
    config = configure(folder, workload={"max_output_tokens": 2})
    failures = [*check_model_folder(config), *check_backend_options(config)]
    if failures:
        return failures[0]
    try:
        with loaded(config) as backend:
            assert len(serve(backend, as_prompts(TEXTS))) == len(TEXTS)
            return None
    except LLEMError as error:
        late = error
    assert late.exit_code in (2, 3, 4)
    assert "tokenizer" in str(late), f"found after the baseline: {late}"
    return str(late)


@pytest.mark.parametrize("first", range(0, 48, 6))
def test_a_damaged_folder_is_served_or_refused_in_one_sentence_before_the_baseline(
    tiny_llama: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    for seed in range(first, first + 6):
        folder = Path(shutil.copytree(tiny_llama, tmp_path / f"model-{seed}"))
        _damage(folder, seed)
        before = {file: file.read_bytes() for file in folder.rglob("*")}
        said = _failure(folder)
        if said is not None:
            assert "\n" not in said
            assert "Traceback" not in said
            assert "internal" not in said
            assert str(folder) in said or "tokenizer" in said
        assert {file: file.read_bytes() for file in folder.rglob("*")} == before
        assert not list(work.iterdir())
