"""The checks beside the four of the contract: data set, meters, results, secrets, model files, backend options."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.exceptions import PreFlightError
from llenergymeasure.orchestration.readiness import checks
from llenergymeasure.orchestration.readiness.ready import require_ready
from llenergymeasure.orchestration.readiness.room import COPIES, duration_s, needed_bytes
from tests.support.model_files import model_folder

ENTRY_POINTS = """[llenergymeasure.backends]
standin = llenergymeasure.testing:STANDIN
halfway = acme_backend:HALFWAY
lacking = acme_backend:LACKING
raising = acme_backend:RAISING
misnaming = acme_backend:MISNAMING
nowhere = acme_backend:NOWHERE
broken = acme_broken:BROKEN
classy = acme_backend:Raising
[llenergymeasure.meters]
acme_nowhere = acme_backend:NOWHERE
acme_broken = acme_broken:BROKEN
"""
MODULE = """
from llenergymeasure.plugins import Plugin

INSTALL = "pip install acme-backend"
HALFWAY = Plugin(name="halfway", target="acme_backend:Raising", requires=("json", "acme_missing"), install=INSTALL)
LACKING = Plugin(name="lacking", target="acme_backend:Raising", requires=("acme_missing",), install=INSTALL)
MISNAMING = Plugin(name="misnaming", target="acme_backend:Misnaming", install=INSTALL)
RAISING = Plugin(name="raising", target="acme_backend:Raising", install=INSTALL)
NOWHERE = Plugin(name="nowhere", target="acme_backend:Nowhere", install=INSTALL)

class Misnaming:
    name = "misnaming"
    def run(self, requests, done): ...
    def check(self, config):
        return []
    def other_models(self, config):
        return {"misnaming.draft": "a/b"}

class Raising:
    name = "raising"
    def check(self, config):
        raise ZeroDivisionError("oops")
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., ExperimentConfig]:
    """A function that returns a configuration that is ready to run, but for what is passed to it."""
    info = tmp_path / "site" / "acme_backend-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-backend\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "site" / "acme_backend.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    (tmp_path / "any").mkdir()
    ready = {
        "model": str(tmp_path / "any"),
        "backend": "standin",
        "device": "cpu",
        "output_dir": str(tmp_path / "a" / "b"),
    }

    def configure(**changes: Any) -> ExperimentConfig:
        return ExperimentConfig.model_validate({**ready, **changes})

    return configure


Settings = Callable[..., ExperimentConfig]


def _only_failure(config: ExperimentConfig) -> str:
    with pytest.raises(PreFlightError) as caught:
        require_ready(config)
    head, line = str(caught.value).splitlines()
    assert head == "Pre-flight failed: 1 issue(s) found"
    return line.removeprefix("  ✗ ")


def test_ready_machine_passes_and_nothing_is_left_behind(settings: Settings, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    require_ready(settings())
    assert [path for path in sorted(tmp_path.rglob("*")) if "__pycache__" not in str(path)] == before


def test_missing_data_set_is_told_with_its_path(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "nope.jsonl"
    assert str(path) in _only_failure(settings(workload={"dataset": str(path)}))


def test_line_that_does_not_parse_is_told_with_its_number(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text('{"prompt": "one"}\n{"prompt": \n')
    assert f"{path}, line 2" in _only_failure(settings(workload={"dataset": str(path)}))


def test_every_meter_that_is_wrong_is_told(settings: Settings) -> None:
    with pytest.raises(PreFlightError) as caught:
        require_ready(settings(energy={"meters": ["estimate", "acme_nowhere", "acme_broken"]}))
    assert "2 issue(s) found" in str(caught.value)


def test_results_cannot_go_where_a_file_lies(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    failure = _only_failure(settings(output_dir=str(tmp_path / "taken" / "results")))
    assert failure.startswith(
        f"results cannot be written to {tmp_path / 'taken' / 'results'}: Not a directory"
    )
    assert "--output" in failure


def test_results_cannot_go_into_a_folder_that_takes_no_files(settings: Settings) -> None:
    assert "results cannot be written to /proc/1/results" in _only_failure(
        settings(output_dir="/proc/1/results")
    )


def test_full_disk_is_told_with_what_is_free(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=12 * 2**20)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    assert "no room for results: 12 MB free" in _only_failure(settings())


def test_the_room_that_a_run_needs_grows_with_its_length_and_its_devices(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for number in range(8):
        (tmp_path / f"0000:0{number}:00.0").mkdir()
    monkeypatch.setattr("llenergymeasure.orchestration.readiness.room.NVIDIA_GPUS", tmp_path)
    hour = {"window": {"min_duration_s": 2400.0}, "repeats": {"min": 1, "max": 1}}
    long = ExperimentConfig.model_validate({"model": "any", "measurement": hour})
    short = ExperimentConfig(model="any")
    assert duration_s(long) == pytest.approx(3600 + 45 + 90)
    samples_mb = (needed_bytes(long) - needed_bytes(short)) / 1e6 / COPIES
    eight_gpus_mb_per_hour = 78.0
    assert samples_mb > eight_gpus_mb_per_hour * 1.5  # sixteen channels, less the short run's minutes
    unmetered = {"model": "any", "measurement": hour, "energy": {"meters": "none"}}
    assert needed_bytes(ExperimentConfig.model_validate(unmetered)) < 2e7


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"passthrough_kwargs": {"hub": {"hub_token": "SECRET"}}}, "passthrough_kwargs.hub.hub_token"),
        ({"passthrough_kwargs": {"proxies": {"https": "http://me:SECRET@proxy"}}}, "proxies.https"),
        ({"passthrough_kwargs": {"note": "hf_SECRETSECRETSECRET"}}, "passthrough_kwargs.note"),
    ],
)
def test_secret_in_free_settings_is_refused_without_being_shown(
    settings: Settings, changes: dict[str, Any], key: str
) -> None:
    failure = _only_failure(settings(**changes))
    assert key in failure
    assert "SECRET" not in failure


def test_ordinary_free_settings_are_no_secrets(settings: Settings) -> None:
    require_ready(settings(passthrough_kwargs={"eos_token": "</s>", "low_cpu_mem_usage": True}))


def test_model_folder_is_looked_into_for_backends_that_read_folders(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()

    def problem(model: Path = folder, **changes: Any) -> str:
        return "".join(checks.check_model_folder(settings(model=str(model), backend="pytorch", **changes)))

    assert "has no config.json" in problem()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    assert "has no weights" in problem()
    assert problem(weights="random") == ""
    assert checks.check_model_folder(settings(model=str(folder))) == []
    assert problem(tmp_path / "not-there") == ""


def test_weights_in_a_subfolder_are_looked_for_there(settings: Settings, tmp_path: Path) -> None:
    model_folder(tmp_path / "model" / "inner")
    config = settings(
        model=str(tmp_path / "model"), backend="pytorch", passthrough_kwargs={"subfolder": "inner"}
    )
    assert checks.check_model_folder(config) == []


def test_backend_that_is_not_installed_is_told_once(settings: Settings) -> None:
    assert _only_failure(settings(backend="lacking")) == "lacking not installed → pip install acme-backend"
    assert _only_failure(settings(backend="halfway")) == "halfway not installed → pip install acme-backend"


def test_a_check_that_crashes_is_a_failure_that_names_the_backend_and_the_error(settings: Settings) -> None:
    failure = _only_failure(settings(backend="raising"))
    assert failure.startswith(
        "backend 'raising' failed while checking the configuration: ZeroDivisionError: oops"
    )


def test_a_backend_that_names_no_models_as_its_other_models_is_named(settings: Settings) -> None:
    failure = _only_failure(settings(backend="misnaming"))
    assert failure.startswith(
        "backend 'misnaming' failed while checking the configuration: TypeError: it returns"
    )
    assert "by the setting that names a model" in failure


def test_a_declaration_that_does_not_import_is_reported_with_its_cause_and_remedy(settings: Settings) -> None:
    failure = _only_failure(settings(backend="broken"))
    assert failure.startswith("broken not installed: plugin 'broken' does not load: acme_broken:BROKEN")
    assert "No module named 'acme_broken' → pip install --force-reinstall acme-backend" in failure


def test_an_entry_point_that_names_no_declaration_is_reported(settings: Settings) -> None:
    failure = _only_failure(settings(backend="classy"))
    assert "the entry point acme_backend:Raising of llenergymeasure.backends must name a" in failure


def test_a_backend_whose_class_is_missing_is_reported(settings: Settings) -> None:
    failure = _only_failure(settings(backend="nowhere"))
    assert failure.startswith("plugin 'nowhere' does not load: acme_backend:Nowhere: AttributeError")


def test_part_of_a_backend_that_is_missing_is_told_on_the_cpu(settings: Settings) -> None:
    (failure,) = checks.check_backend_options(settings(backend="halfway"))
    assert failure == "halfway is incomplete: acme_missing not installed → pip install acme-backend"
    assert checks.check_backend_options(settings(backend="halfway", device="cuda")) == []
    assert checks.check_backend_options(settings(backend="lacking")) == []
