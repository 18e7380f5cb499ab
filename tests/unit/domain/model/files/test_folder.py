"""A model on this machine contains what will be read, or the file that does not is named, with what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from llenergymeasure.domain.model.files.folder import model_files_problem
from tests.support.model_files import CONFIG, PAGE, POINTER, model_folder, write_safetensors

Change = Callable[[Path], object]


def _problem(path: Path, *, random_weights: bool = False, partial: bool = False) -> str | None:
    return model_files_problem(path, random_weights=random_weights, partial=partial)


@pytest.mark.parametrize("weights", ["model.safetensors", "pytorch_model.bin"])
def test_folder_with_config_and_weights_is_ready(tmp_path: Path, weights: str) -> None:
    assert _problem(model_folder(tmp_path, weights=weights)) is None


def test_folder_without_weights_is_refused_unless_they_are_random_or_will_be_downloaded(
    tmp_path: Path,
) -> None:
    folder = model_folder(tmp_path, weights=None)
    text = _problem(folder)
    assert text is not None
    assert f"{folder} has no weights" in text
    assert "weights: random" in text
    assert _problem(folder, random_weights=True) is None
    assert _problem(folder, partial=True) is None


def test_folder_without_config_is_refused_even_for_random_weights(tmp_path: Path) -> None:
    write_safetensors(tmp_path / "model.safetensors")
    for random_weights in (True, False):
        assert "has no config.json" in str(_problem(tmp_path, random_weights=random_weights))


def _write(name: str, content: str | bytes) -> Change:
    def change(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return change


def _config(**changes: object) -> Change:
    settings = {key: value for key, value in {**CONFIG, **changes}.items() if value is not None}
    return _write("config.json", json.dumps(settings))


def _link(name: str) -> Change:
    def change(folder: Path) -> None:
        (folder / name).unlink()
        (folder / name).symlink_to(folder / "blobs" / "gone")

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_config(model_type=None), 'config.json has no "model_type"'),
        (_config(model_type=3), '"model_type" is not the name'),
        (_config(num_hidden_layers=-1), '"num_hidden_layers" is -1, not a whole number of at least 1'),
        (_config(vocab_size="many"), "\"vocab_size\" is 'many', not a whole number"),
        (_write("chat_template.jinja", b"\xff\xfe\x00"), "chat_template.jinja is not UTF-8"),
        (_write("config.json", '{"model_type": "llama",\n,}'), "config.json:2 is not valid JSON"),
        (_write("config.json", "[1]"), "config.json is a JSON list"),
        (_write("config.json", "null"), "config.json is a JSON null"),
        (_write("config.json", ""), "config.json is empty"),
        (_write("config.json", "[" * 100_000), "config.json"),
        (_write("config.json", '{"a": ' + "9" * 5000 + "}"), "config.json is not usable JSON"),
        (_write("config.json", b"\xef\xbb\xbf{}"), "byte order mark of UTF-8"),
        (_write("config.json", "{}".encode("utf-16")), "byte order mark of UTF-16"),
        (_write("config.json", b'{"a": "\xe9"}'), "is not UTF-8"),
        (_write("config.json", POINTER), "config.json is a pointer of Git LFS"),
        (_write("tokenizer.json", POINTER), "tokenizer.json is a pointer of Git LFS"),
        (_write("tokenizer.json", '{"model": {'), "tokenizer.json:1 is not valid JSON"),
        (_write("tokenizer_config.json", PAGE), "tokenizer_config.json is a web page"),
        (_write("tokenizer.model", POINTER), "tokenizer.model is a pointer of Git LFS"),
        (_write("generation_config.json", "[]"), "generation_config.json is a JSON list"),
        (_write("model.safetensors", POINTER), "model.safetensors is a pointer of Git LFS"),
        (_write("model.safetensors", PAGE), "model.safetensors is a web page"),
        (_write("model.safetensors", b""), "model.safetensors is empty"),
        (_write("model.safetensors", b"PK\x03\x04" + bytes(64)), "model.safetensors is damaged"),
        (lambda folder: write_safetensors(folder / "model.safetensors", data=6), "ends 10 bytes early"),
        (lambda folder: write_safetensors(folder / "model.safetensors", data=20), "4 bytes more"),
        (lambda folder: write_safetensors(folder / "model.safetensors", header={}), "contains no tensors"),
        (lambda folder: write_safetensors(folder / "model.safetensors", header=[1]), "is damaged"),
        (lambda folder: write_safetensors(folder / "model.safetensors", header={"a": 1}), "is damaged"),
        (_link("model.safetensors"), "model.safetensors is a link to a file that is gone"),
        (_link("config.json"), "config.json is a link to a file that is gone"),
        (_write("adapter_config.json", '{"peft_type": "LORA", "base_model_name_or_path": "a/b"}'), "model: a/b and"),
        (_write("adapter_config.json", '{"peft_type": "IA3"}'), "is an adapter of type IA3"),
    ],
)  # fmt: skip
def test_file_that_is_not_what_it_seems_is_named(tmp_path: Path, change: Change, said: str) -> None:
    folder = model_folder(tmp_path)
    change(folder)
    text = str(_problem(folder))
    assert said in text
    assert "→" in text
    assert "\n" not in text


def test_code_of_its_own_may_say_what_a_model_is(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    _config(model_type=None, auto_map={"AutoConfig": "code.Config"})(folder)
    assert _problem(folder) is None


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_file_without_permission_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    (folder / "model.safetensors").chmod(0)
    assert "model.safetensors cannot be read: Permission denied" in str(_problem(folder))


def test_missing_part_of_weights_in_several_files_is_named(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, weights="model-00001-of-00002.safetensors")
    parts = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    assert "incomplete: model-00002-of-00002.safetensors missing" in str(_problem(folder))
    assert _problem(folder, partial=True) is None
    (folder / "model-00002-of-00002.safetensors").write_text(POINTER)
    assert "model-00002-of-00002.safetensors is a pointer" in str(_problem(folder))
    write_safetensors(folder / "model-00002-of-00002.safetensors")
    assert _problem(folder) is None


@pytest.mark.parametrize(
    "content", ["", "{}", '{"weight_map": [1]}', '{"weight_map": {"a": 1}}', "[]", "{", '{"weight_map": {}}']
)
def test_broken_table_of_parts_is_named(tmp_path: Path, content: str) -> None:
    folder = model_folder(tmp_path, weights="model-00001-of-00002.safetensors")
    (folder / "model.safetensors.index.json").write_text(content)
    assert "model.safetensors.index.json" in str(_problem(folder))


@pytest.mark.parametrize("metadata", [{}, {"metadata": None}, {"metadata": [1]}])
def test_a_table_of_parts_without_metadata_is_told_what_to_add(
    tmp_path: Path, metadata: dict[str, object]
) -> None:
    folder = model_folder(tmp_path, weights="a.safetensors")
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "a.safetensors"}, **metadata})
    )
    assert 'has no "metadata", which transformers asks for → add "metadata": {} to it' in str(
        _problem(folder)
    )


def _tensor(begin: int, end: int, shape: object = (4,), dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"a": _tensor(0, 16), "b": _tensor(0, 16)}, "tensor b overlaps another one"),
        ({"a": _tensor(0, 16), "b": _tensor(8, 24)}, "tensor b overlaps another one"),
        ({"a": _tensor(16, 32)}, "tensor a overlaps another one, or bytes before it belong to none"),
        ({"a": _tensor(0, 16, [3])}, "tensor a has not the size that its type and shape say"),
        ({"a": _tensor(0, 16, dtype="F64")}, "tensor a has not the size"),
        ({"a": _tensor(0, 16, [-4])}, "does not describe tensors"),
        ({"a": _tensor(0, 16, "4")}, "does not describe tensors"),
        ({"a": _tensor(0, 16, [True])}, "does not describe tensors"),
        ({"a": {"dtype": "F32", "data_offsets": [0, 16]}}, "does not describe tensors"),
        ({"a": {"shape": [4], "data_offsets": [0, 16]}}, "does not describe tensors"),
        ({"a": {**_tensor(0, 16), "data_offsets": [0, 8, 16]}}, "does not describe tensors"),
        ({"a": {**_tensor(0, 16), "data_offsets": [-16, 0]}}, "does not describe tensors"),
        ({"__metadata__": {"format": 3}, "a": _tensor(0, 16)}, "the notes in its header are not all text"),
    ],
)  # fmt: skip
def test_a_header_that_contradicts_itself_is_damage(
    tmp_path: Path, header: dict[str, object], said: str
) -> None:
    folder = model_folder(tmp_path)
    ends = [max(each["data_offsets"]) for name, each in header.items() if name != "__metadata__"]  # type: ignore[index]
    write_safetensors(folder / "model.safetensors", header=header, data=max(ends))
    assert said in str(_problem(folder))


def test_tensors_without_values_and_of_types_to_come_are_no_damage(tmp_path: Path) -> None:
    folder = model_folder(tmp_path)
    header = {"a": _tensor(0, 16), "b": _tensor(16, 16, [0, 3]), "c": _tensor(16, 19, [6], "F4_NEW")}
    write_safetensors(folder / "model.safetensors", header=header, data=19)
    assert _problem(folder) is None


def test_pickled_weights_that_end_early_are_damaged(tmp_path: Path) -> None:
    folder = model_folder(tmp_path, weights="pytorch_model.bin")
    (folder / "pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(64))
    assert "pytorch_model.bin is damaged: it ends early" in str(_problem(folder))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.onnx", "model.onnx is for ONNX"),
        ("tf_model.h5", "tf_model.h5 is for TensorFlow"),
        ("flax_model.msgpack", "flax_model.msgpack is for Flax"),
        ("consolidated.00.pth", "consolidated.00.pth is for the original code"),
    ],
)
def test_weights_for_other_software_are_named(tmp_path: Path, name: str, said: str) -> None:
    folder = model_folder(tmp_path, weights=None)
    (folder / name).write_bytes(b"data")
    assert said in str(_problem(folder))


def test_folder_of_gguf_files_points_at_the_file(tmp_path: Path) -> None:
    for name in ("a.gguf", "b.gguf"):
        (tmp_path / name).touch()
    assert f"model: {tmp_path / 'a.gguf'}" in str(_problem(tmp_path))


def test_folder_above_the_model_points_at_the_model(tmp_path: Path) -> None:
    cached = model_folder(tmp_path / "models--a--b" / "snapshots" / "0123")
    assert f"model: {cached}" in str(_problem(tmp_path / "models--a--b"))
    assert f"model: {cached}" in str(_problem(tmp_path / "models--a--b" / "snapshots"))


def test_pipeline_for_images_and_files_for_other_code_are_no_models(tmp_path: Path) -> None:
    (tmp_path / "params.json").write_text("{}")
    assert "original code" in str(_problem(tmp_path))
    (tmp_path / "model_index.json").write_text("{}")
    assert "diffusers pipeline" in str(_problem(tmp_path))


def test_file_inside_a_model_folder_points_at_the_folder(tmp_path: Path) -> None:
    folder = model_folder(tmp_path / "model")
    assert f"model: {folder}" in str(_problem(folder / "model.safetensors"))
    alone = tmp_path / "model.safetensors"
    alone.touch()
    assert "is a file" in str(_problem(alone))
