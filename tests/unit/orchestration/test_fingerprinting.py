"""What the configuration only names is told apart by its content: prompts, weights, tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.fingerprints import Fingerprints, experiment_hash
from llenergymeasure.domain.model import file_digest
from llenergymeasure.orchestration.fingerprinting import fingerprint, local_weights
from llenergymeasure.orchestration.readiness.selection import find_workload
from llenergymeasure.testing import StandInBackend


def _fingerprint(**settings: Any) -> Fingerprints:
    config = ExperimentConfig.model_validate({"model": "any", "backend": "standin", **settings})
    workload, backend = find_workload(config.workload.dataset), StandInBackend()
    prompts = workload.prompts(config.workload, config.random_seed)
    given = (workload, prompts, backend.encode(prompts))
    return fingerprint(config, backend, None, given, local_weights(config))


def _data(path: Path, *texts: str) -> str:
    path.write_text("".join(json.dumps({"prompt": text}) + "\n" for text in texts))
    return str(path)


def _model(folder: Path, weights: bytes = b"weights", **files: bytes) -> str:
    folder.mkdir()
    (folder / "config.json").write_bytes(files.get("config", b"{}"))
    (folder / "model.safetensors").write_bytes(weights)
    return str(folder)


def test_two_files_of_one_name_differ_by_their_prompts(tmp_path: Path) -> None:
    workload = {"dataset": _data(tmp_path / "data.jsonl", "one", "two"), "n_prompts": 2}
    first = _fingerprint(workload=workload)
    _data(tmp_path / "data.jsonl", "one", "three")
    second = _fingerprint(workload=workload)
    assert first.dataset_sha256 != second.dataset_sha256
    assert first.prompts_sha256 != second.prompts_sha256
    assert experiment_hash("same", first) != experiment_hash("same", second)


def test_a_digest_that_is_added_later_changes_only_the_hash_of_those_who_have_it() -> None:
    class Later(Fingerprints):
        images_sha256: str | None = None

    now = Fingerprints(prompts_sha256="0" * 64)
    assert experiment_hash("0" * 16, now) == "2854d56cf0b67e42"  # of 2.0.0: stored bundles have it
    assert experiment_hash("0" * 16, Later(prompts_sha256="0" * 64)) == "2854d56cf0b67e42"
    assert (
        experiment_hash("0" * 16, Later(prompts_sha256="0" * 64, images_sha256="1" * 64))
        != "2854d56cf0b67e42"
    )


def test_lines_that_are_not_read_are_no_other_experiment(tmp_path: Path) -> None:
    short = {"dataset": _data(tmp_path / "a.jsonl", "one", "two"), "n_prompts": 2}
    long = {"dataset": _data(tmp_path / "b.jsonl", "one", "two", "three"), "n_prompts": 2}
    assert _fingerprint(workload=short).prompts_sha256 == _fingerprint(workload=long).prompts_sha256


def test_the_order_of_the_prompts_counts(tmp_path: Path) -> None:
    one = {"dataset": _data(tmp_path / "a.jsonl", "one", "two"), "n_prompts": 2}
    other = {"dataset": _data(tmp_path / "b.jsonl", "two", "one"), "n_prompts": 2}
    assert _fingerprint(workload=one).prompts_sha256 != _fingerprint(workload=other).prompts_sha256


def test_a_seed_gives_other_synthetic_prompts() -> None:
    workload = {"dataset": "synthetic", "n_prompts": 3}
    one, other = (_fingerprint(workload=workload, random_seed=seed) for seed in (1, 2))
    assert one.prompts_sha256 != other.prompts_sha256
    assert "dataset_sha256" in one.unknown


def test_prompts_that_come_again_are_counted_once(tmp_path: Path) -> None:
    found = _fingerprint(workload={"dataset": _data(tmp_path / "a.jsonl", "one", "two"), "n_prompts": 7})
    assert (found.prompts, found.distinct_prompts) == (7, 2)


@pytest.mark.parametrize("whole_bytes", [file_digest.WHOLE_BYTES, 10])
@pytest.mark.parametrize("at", [0, 700_000, 1_500_000 - 1])
def test_one_changed_byte_gives_other_weights_where_it_is_read(
    at: int, whole_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_digest, "WHOLE_BYTES", whole_bytes)
    content = bytearray(1_500_000)
    one = _fingerprint(model=_model(tmp_path / "one", bytes(content)))
    same = _fingerprint(model=_model(tmp_path / "same", bytes(content)))
    content[at] = 1
    other = _fingerprint(model=_model(tmp_path / "other", bytes(content)))
    assert one.weights_method == (file_digest.WHOLE if whole_bytes > 10 else file_digest.SAMPLED)
    assert one.weights_sha256 == same.weights_sha256 != other.weights_sha256


def test_the_settings_of_a_model_count_beside_its_weights(tmp_path: Path) -> None:
    one = _fingerprint(model=_model(tmp_path / "one"))
    other = _fingerprint(model=_model(tmp_path / "other", config=b'{"rope_theta": 2}'))
    assert one.weights_sha256 == other.weights_sha256
    assert one.model_config_sha256 != other.model_config_sha256


def test_weights_in_the_cache_of_the_hub_are_known_by_the_hubs_digests(tmp_path: Path) -> None:
    blob = tmp_path / "blobs" / "abc123"
    blob.parent.mkdir()
    blob.write_bytes(b"x")
    folder = tmp_path / "snapshots"
    folder.mkdir()
    (folder / "model.safetensors").symlink_to(blob)
    assert "the Hub" in (_fingerprint(model=str(folder)).weights_method or "")


@pytest.mark.parametrize(
    "settings",
    [
        {"weights": "random"},
        {"model": "owner/never-heard-of"},
        {"model": "package:no_such_package_here"},
        {"model": "/nowhere/at/all"},
        {"model": "~nobody-of-this-name/model"},
    ],
)
def test_what_is_unknown_has_a_reason(settings: dict[str, Any]) -> None:
    found = _fingerprint(**settings)
    assert found.weights_sha256 is None
    for name in ("weights_sha256", "model_config_sha256", "tokenizer_sha256", "tokens_sha256"):
        assert getattr(found, name) is None
        assert found.unknown[name]


def test_weights_that_cannot_be_read_are_unknown(tmp_path: Path) -> None:
    folder = Path(_model(tmp_path / "model"))
    (folder / "model.safetensors").unlink()
    assert _fingerprint(model=str(folder)).unknown["weights_sha256"]


def test_a_tokenizer_that_fails_is_unknown() -> None:
    class Failing(StandInBackend):
        def fingerprints(self) -> dict[str, str]:
            raise KeyError("no vocabulary")

    config = ExperimentConfig(model="any", backend="standin", weights="random")
    workload = find_workload("builtin")
    found = fingerprint(config, Failing(), None, (workload, [], []), None)
    assert found.unknown["tokenizer_sha256"]
