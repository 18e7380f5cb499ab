"""A bundle from before a field was added is valid; one from which a value was removed has findings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from llenergymeasure.orchestration.verification.verify import verify_bundle
from tests.support.bundles import NAME, read_json, refresh_sums, write_json, write_run

BOTH = ("result.json", "config.yaml")
AT_DEFAULT = (
    ("energy", "exclude"),
    ("decoder",),
    ("workload", "chat_template"),
    ("measurement", "cooldown"),
    ("pytorch",),
)
NOT_AT_DEFAULT = (
    ("standin", "token_s"),
    ("standin",),
    ("measurement", "window", "min_duration_s"),
    ("measurement",),
)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("untouched"))


@pytest.fixture
def bundle(untouched: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(untouched, tmp_path / NAME))


def _fields(folder: Path) -> set[str | None]:
    return {finding.field for finding in verify_bundle(folder).findings}


def _remove(document: dict[str, Any], path: tuple[str, ...]) -> None:
    for key in path[:-1]:
        document = document[key]
    del document[path[-1]]


def _remove_settings(bundle: Path, *paths: tuple[str, ...], files: tuple[str, ...]) -> None:
    """Remove settings from these files, as a release that had no such fields wrote them."""
    result, settings = read_json(bundle), yaml.safe_load((bundle / "config.yaml").read_text())
    for path in paths:
        for file, document in (("result.json", result["config"]), ("config.yaml", settings)):
            if file in files:
                _remove(document, path)
    write_json(bundle, result)
    (bundle / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    refresh_sums(bundle)


@pytest.mark.parametrize("files", [BOTH, ("result.json",)])
def test_a_setting_that_did_not_exist_is_no_finding(bundle: Path, files: tuple[str, ...]) -> None:
    _remove_settings(bundle, *AT_DEFAULT, files=files)
    assert verify_bundle(bundle).findings == ()


@pytest.mark.parametrize("files", [BOTH, ("result.json",), ("config.yaml",)])
@pytest.mark.parametrize("path", NOT_AT_DEFAULT, ids=".".join)
def test_a_removed_setting_that_was_not_the_default_is_found(
    bundle: Path, path: tuple[str, ...], files: tuple[str, ...]
) -> None:
    _remove_settings(bundle, path, files=files)
    found = _fields(bundle)
    assert found
    if files == ("result.json",):
        assert f"config.{'.'.join(path)}" in found


@pytest.mark.parametrize("added", [(), (("energy", "exclude"),)])
def test_a_changed_setting_is_found_where_others_did_not_exist(
    bundle: Path, added: tuple[tuple[str, ...], ...]
) -> None:
    _remove_settings(bundle, *added, files=BOTH)
    document = read_json(bundle)
    document["config"]["measurement"]["strict"] = True
    document["config"]["measurement"]["made_up"] = None
    write_json(bundle, document)
    refresh_sums(bundle)
    assert _fields(bundle) == {"config.measurement.strict", "config.measurement.made_up"}


def test_a_removed_figure_is_found(bundle: Path) -> None:
    document = read_json(bundle)
    removed = ("experiment_hash", "peak_memory_bytes", "uncertainty")
    for name in removed:
        assert document.pop(name)
    write_json(bundle, document)
    refresh_sums(bundle)
    assert _fields(bundle) >= set(removed)


def test_a_fact_that_did_not_exist_is_no_finding(bundle: Path) -> None:
    """A release that could not know it wrote nothing; null means the same."""
    document = read_json(bundle)
    assert document["fingerprints"].pop("adapter_sha256") is None
    write_json(bundle, document)
    refresh_sums(bundle)
    assert verify_bundle(bundle).findings == ()
