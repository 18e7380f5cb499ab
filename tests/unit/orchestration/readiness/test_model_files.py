"""A model on this machine contains what will be read, or what is missing is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llenergymeasure.orchestration.readiness.model_files import model_files_problem


def _folder(path: Path, *files: str) -> Path:
    path.mkdir(exist_ok=True)
    for name in files:
        (path / name).write_text("{}")
    return path


def _problem(path: Path, *, random_weights: bool = False) -> str | None:
    return model_files_problem(path, random_weights=random_weights)


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_folder_with_config_and_weights_is_ready(tmp_path: Path, weights: str) -> None:
    assert _problem(_folder(tmp_path, "config.json", weights)) is None


def test_folder_without_weights_is_refused_unless_they_are_random(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "config.json", "tokenizer.json")
    text = _problem(folder)
    assert text is not None
    assert f"{folder} has no weights" in text
    assert "weights: random" in text
    assert _problem(folder, random_weights=True) is None


def test_empty_weight_file_and_dangling_link_are_no_weights(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "config.json")
    (folder / "model.safetensors").touch()
    (folder / "pytorch_model.bin").symlink_to(tmp_path / "gone")
    assert "has no weights" in str(_problem(folder))


def test_folder_without_config_is_refused_even_for_random_weights(tmp_path: Path) -> None:
    for random_weights in (True, False):
        text = _problem(_folder(tmp_path, "model.safetensors"), random_weights=random_weights)
        assert "has no config.json" in str(text)


def test_folder_of_gguf_files_points_at_the_file(tmp_path: Path) -> None:
    assert f"model: {tmp_path / 'a.gguf'}" in str(_problem(_folder(tmp_path, "b.gguf", "a.gguf")))


def test_missing_part_of_weights_in_several_files_is_named(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "config.json", "model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": parts}))
    assert "incomplete: model-00002-of-00002.safetensors missing" in str(_problem(folder))
    (folder / "model-00002-of-00002.safetensors").write_text("{}")
    assert _problem(folder) is None


def test_adapter_folder_is_left_to_the_backend(tmp_path: Path) -> None:
    assert _problem(_folder(tmp_path, "adapter_config.json")) is None


def test_file_is_a_model_only_if_it_is_gguf(tmp_path: Path) -> None:
    good, bad, other = tmp_path / "good.gguf", tmp_path / "bad.gguf", tmp_path / "model.safetensors"
    good.write_bytes(b"GGUF\x03\x00")
    bad.write_text("version https://git-lfs.github.com/spec/v1")
    other.touch()
    assert _problem(good) is None
    assert "is not a GGUF file" in str(_problem(bad))
    assert "is a file" in str(_problem(other))
