"""A `model` setting is parsed once, into a Hub id, a path, a package or a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.domain.model.reference import parse_model_ref


def test_paths_are_distinguished_from_hub_ids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "org" / "here").mkdir(parents=True)
    (tmp_path / "org" / "here" / "m.gguf").touch()
    for model in ("/m", "./m", "../m", "~/m", "~", "m.gguf", "org/m.gguf", "org/here", "org/here/m.gguf"):
        assert parse_model_ref(model).kind == "path", model
    for model in ("gpt2", "org/name", "org/name/m.gguf", "x" * 5000, "a\0b"):
        assert parse_model_ref(model).kind == "hub", model
    for model in ("package:m", "package:m.gguf"):
        assert parse_model_ref(model).kind == "package", model
    assert parse_model_ref("https://example.org/m").kind == "url"


def test_file_on_the_hub_is_asked_for_by_its_repository() -> None:
    ref = parse_model_ref("org/name/folder/m.gguf", revision="main")
    assert (ref.name, ref.inside, ref.revision) == ("org/name", "folder/m.gguf", "main")
    for model in ("org/name", "gpt2"):
        assert (parse_model_ref(model).name, parse_model_ref(model).inside) == (model, None)


def test_package_may_name_one_of_its_models() -> None:
    ref = parse_model_ref("package:weights/sub/m.gguf")
    assert (ref.name, ref.inside) == ("weights", "sub/m.gguf")
    assert parse_model_ref("package:weights").inside is None


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("org/SmolLM2-135M", "SmolLM2-135M"),
        ("/models/llama/", "llama"),
        ("package:acme_weights", "acme_weights"),
        ("org/name/q4.gguf", "q4.gguf"),
        ("C:\\models\\llama", "llama"),
    ],
)
def test_short_name_is_the_last_component(model: str, name: str) -> None:
    assert parse_model_ref(model).short_name == name
