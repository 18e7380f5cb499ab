"""Where the files of a model are, on this machine or on the Hub."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llenergymeasure.domain.model.reference import parse_model_ref
from llenergymeasure.domain.model.source import ModelSource, missing_source
from llenergymeasure.domain.model.source import find_source as find_source_of
from llenergymeasure.exceptions import ConfigError


def find_source(text: str) -> ModelSource:
    return find_source_of(parse_model_ref(text))


def missing(text: str) -> str | None:
    return missing_source(parse_model_ref(text))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An importable package that must not be imported."""
    folder = tmp_path / "site" / "boobytrapped"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('imported')")
    monkeypatch.syspath_prepend(folder.parent)
    yield folder
    assert "boobytrapped" not in sys.modules


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_a_hub_id_stays_what_it_is():
    source = find_source("owner/model")
    assert (source.repo, source.gguf_file, source.is_local) == ("owner/model", None, False)


def test_one_gguf_file_of_a_hub_repository_can_be_named():
    source = find_source("owner/model/sub/file.Q4_1.gguf")
    assert (source.repo, source.gguf_file) == ("owner/model", "sub/file.Q4_1.gguf")


def test_a_gguf_file_that_is_not_there_is_not_taken_for_a_hub_id():
    with pytest.raises(ConfigError, match=r"missing\.gguf does not exist"):
        find_source("missing.gguf")


def test_a_folder_is_a_folder_with_or_without_a_dot(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    assert find_source("here").is_local
    assert find_source("./here").is_local


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    assert find_source("~/model").repo == str(tmp_path / "model")


def test_a_gguf_file_is_split_into_folder_and_name(tmp_path):
    fill(tmp_path, "a.gguf")
    source = find_source(str(tmp_path / "a.gguf"))
    assert (source.repo, source.gguf_file) == (str(tmp_path), "a.gguf")


def test_a_path_that_is_not_there_is_not_sought_on_the_hub():
    with pytest.raises(ConfigError, match="/no/such/model does not exist"):
        find_source("/no/such/model")


def test_the_one_gguf_file_of_a_package_is_found_without_importing_it(package):
    fill(package, "weights.gguf")
    source = find_source("package:boobytrapped")
    assert (source.repo, source.gguf_file) == (str(package), "weights.gguf")


def test_a_package_may_hold_a_folder(package):
    fill(package, "model/config.json", "model/model.safetensors")
    assert find_source("package:boobytrapped").repo == str(package / "model")


def test_of_several_models_in_a_package_one_must_be_chosen(package):
    fill(package, "a.gguf", "sub/b.gguf")
    with pytest.raises(ConfigError) as refused:
        find_source("package:boobytrapped")
    assert "package:boobytrapped/a.gguf, package:boobytrapped/sub/b.gguf" in str(refused.value)
    assert find_source("package:boobytrapped/sub/b.gguf").gguf_file == "b.gguf"
    assert find_source("package:boobytrapped/sub").gguf_file == "b.gguf"


def test_a_package_without_a_model_says_where_was_looked(package):
    with pytest.raises(ConfigError, match=f"no .gguf file and no folder with a config.json in {package}"):
        find_source("package:boobytrapped")


def test_a_package_that_is_not_installed_is_named_with_where_it_was_looked_for():
    with pytest.raises(ConfigError, match="no package 'no_such_package_at_all' is installed for") as refused:
        find_source("package:no_such_package_at_all")
    assert "pip install" not in str(refused.value)  # nobody knows what that would bring


def test_missing_path_is_shown_where_it_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert missing("~") is None
    text = missing("~/nope")
    assert text is not None
    assert "~/nope" in text
    assert str(tmp_path / "nope") in text
    assert "not a usable path" in str(missing("/" + "x" * 5000))
    assert "not a usable path" in str(missing("~no-such-user-here/model"))


def test_package_name_must_be_one() -> None:
    assert missing("package:json") is None
    assert missing("package:json/some/model.gguf") is None
    for model in ("package:", "package:a b", "package:../x", "package:json.decoder"):
        assert "write package:NAME" in str(missing(model))


def test_a_model_on_the_hub_is_not_looked_for_on_this_machine() -> None:
    assert missing("org/name") is None


def test_a_dash_in_a_packages_name_is_forgiven(package):
    fill(package, "weights.gguf")
    (package.parent / "with_dash").mkdir()
    fill(package.parent, "with_dash/w.gguf", "with_dash/__init__.py")
    assert find_source("package:with-dash").gguf_file == "w.gguf"
