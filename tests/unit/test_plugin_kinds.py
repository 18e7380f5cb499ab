"""A backend, a meter, a launcher and a data set, each with options, come into play by one module and entry points."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from llenergymeasure import plugins
from llenergymeasure.api import run_to_bundle
from llenergymeasure.config.loader import dump_config, load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.redact import redacted
from llenergymeasure.config.schema import document_of, field_at
from llenergymeasure.exceptions import ConfigError, PreFlightError
from llenergymeasure.meters.base import MeterOptions
from llenergymeasure.orchestration.diagnosis import diagnose
from llenergymeasure.orchestration.readiness.ready import require_ready
from llenergymeasure.orchestration.readiness.selection import find_workload
from llenergymeasure.plugins import Kind
from llenergymeasure.results.stored_config import read_config
from llenergymeasure.testing import check_plugin

ENTRY_POINTS = """[llenergymeasure.backends]
acme = acme_llem:BACKEND
acme_bare = acme_llem:BARE
acme_broken = acme_llem_broken:BACKEND
[llenergymeasure.meters]
acme_plug = acme_llem:METER
acme_dead = acme_llem_broken:METER
[llenergymeasure.launchers]
acme_queue = acme_llem:LAUNCHER
[llenergymeasure.workloads]
acme_riddles = acme_llem:WORKLOAD
"""
MODULE = '''
from pydantic import Field

from llenergymeasure.config.base import Section
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import PreFlightError
from llenergymeasure.plugins import Plugin
from llenergymeasure.testing import StandInBackend


class Draft(Section):
    """A draft model."""

    tokens: int = Field(4, ge=1)
    """Tokens a draft has."""


class AcmeOptions(Section):
    """Options of the acme backend."""

    url: str
    """Where the engine listens."""
    streams: int = Field(1, ge=1)
    """Requests at a time."""
    draft: Draft | None = None
    """Speculation, none by default."""


class PlugOptions(Section):
    """Options of the acme plug."""

    port: str = "/dev/ttyUSB0"
    """Serial port."""


class QueueOptions(Section):
    """Options of the queue."""

    partition: str = "short"
    """Where the job waits."""


class RiddleOptions(Section):
    """Options of the riddles."""

    level: int = Field(1, ge=1, le=9)
    """How hard they are."""


class AcmeBackend(StandInBackend):
    name = "acme"

    def check(self, config):
        options = config.options_of("acme", AcmeOptions)
        return [f"acme.url {options.url} does not answer"]


class AcmePlug:
    name, period_s = "acme_plug", 1.0

    def open(self, options):
        port = options.energy.options_of("acme_plug", PlugOptions).port
        return [Channel(meter="acme_plug", domain="system", device=port, label=port, method="sampled")]

    def read(self, offset_ns):
        return []

    def close(self):
        pass


class AcmeQueue:
    name = "acme_queue"

    def __init__(self, config):
        self.options = config.options(QueueOptions)

    def submit(self, folder):
        raise PreFlightError(f"the partition {self.options.partition} is full")


class AcmeRiddles:
    name = "acme_riddles"

    def check(self, config):
        return None

    def prompts(self, config, seed):
        level = config.options(RiddleOptions).level
        return [Prompt(prompt_id=str(n), text=f"riddle of level {level}") for n in range(config.n_prompts)]


def plugin(name, target, options, **more):
    here, install = "acme_llem", "pip install acme"
    return Plugin(name=name, target=f"{here}:{target}", options=f"{here}:{options}", install=install, **more)


BACKEND = plugin("acme", "AcmeBackend", "AcmeOptions")
BARE = Plugin(name="acme_bare", target="acme_llem:AcmeBackend", install="pip install acme")
METER = plugin("acme_plug", "AcmePlug", "PlugOptions", capabilities=frozenset({"measures", "by_name_only"}))
LAUNCHER = plugin("acme_queue", "AcmeQueue", "QueueOptions")
WORKLOAD = plugin("acme_riddles", "AcmeRiddles", "RiddleOptions")
'''
CONFIG = """model: any
backend: acme
acme: {url: "http://localhost:1", draft: {tokens: 2}}
workload: {dataset: acme_riddles, level: 3, n_prompts: 2}
energy: {meters: [acme_plug], acme_plug: {port: /dev/ttyUSB1}}
launcher: {kind: acme_queue, partition: long}
device: cpu
"""


@pytest.fixture(autouse=True)
def _acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with a plugin of each kind, and one that does not import."""
    site = tmp_path / "site"
    info = site / "acme_llem-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-llem\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    (site / "acme_llem.py").write_text(MODULE)
    (site / "acme_llem_broken.py").write_text("import acme_driver_that_is_missing\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_llem", raising=False)
    monkeypatch.chdir(tmp_path)


def _file(text: str) -> Path:
    path = Path("x.yaml")
    path.write_text(text)
    return path


def _refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(_file(text))
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("backends", "acme"),
        ("meters", "acme_plug"),
        ("launchers", "acme_queue"),
        ("workloads", "acme_riddles"),
    ],
)
def test_a_declaration_of_another_package_conforms(kind: Kind, name: str) -> None:
    check_plugin(plugins.declaration(kind, name))


def test_options_are_validated_by_the_plugins_own_models() -> None:
    config = load_config(_file(CONFIG))
    assert config.model_dump(mode="json")["acme"] == {
        "url": "http://localhost:1",
        "streams": 1,
        "draft": {"tokens": 2},
    }
    assert config.energy.plugin_sections()["acme_plug"].model_dump() == {"port": "/dev/ttyUSB1"}
    assert config.launcher.model_extra == {"partition": "long"}
    assert config.workload.model_extra == {"level": 3}


def test_a_configuration_with_options_of_plugins_loads_back_equal() -> None:
    config = load_config(_file(CONFIG))
    again = load_config(_file(dump_config(config)))
    assert again == config
    assert again.config_hash == config.config_hash
    assert ExperimentConfig.model_validate(config.model_dump(mode="json")) == config
    assert ExperimentConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("line", "replacement", "message"),
    [
        (2, "acme: {url: u, streams: 0}", "acme.streams must be a whole number of at least 1, not 0"),
        (2, "acme: {url: u, stream: 2}", "unknown key 'acme.stream' (did you mean 'acme.streams'?)"),
        (
            2,
            "acme: {streams: 2}",
            "acme.url is missing: write `url: ...` below `acme:`, or pass --set acme.url=VALUE.",
        ),
        (
            2,
            "acme: {url: u, draft: {tokens: 0}}",
            "acme.draft.tokens must be a whole number of at least 1, not 0",
        ),
        (2, "acme: 3", "acme must be a mapping of url, streams, draft, not 3"),
        (2, "acne: {url: u}", "unknown key 'acne' (did you mean 'acme'?)"),
        (2, "acme_bare: {}", "acme_bare: this section does not belong to backend 'acme'"),
        (
            3,
            "workload: {dataset: acme_riddles, level: 10}",
            "workload.level must be a whole number of at least 1",
        ),
        (
            3,
            "workload: {dataset: acme_riddles, lvl: 1}",
            "unknown key 'workload.lvl' (did you mean 'workload.level'?)",
        ),
        (
            3,
            "workload: {dataset: builtin, level: 1}",
            "workload.level belongs to dataset: acme_riddles; remove it",
        ),
        (4, "energy: {meters: acme_plug, acme_plug: {port: 1}}", "energy.acme_plug.port must be text, not 1"),
        (
            4,
            "energy: {meters: estimate, acme_plug: {}}",
            "energy.acme_plug: the meter 'acme_plug' is not read",
        ),
        (
            4,
            "energy: {acme_dead: {a: 1}}",
            "energy.acme_dead: plugin 'acme_dead' does not load: acme_llem_broken",
        ),
        (5, "launcher: {kind: acme_queue, partitoin: a}", "(did you mean 'launcher.partition'?)"),
        (
            5,
            "launcher: {kind: acme_que}",
            "launcher.kind: unknown launcher 'acme_que'; known: local, acme_queue",
        ),
        (5, "launcher: {partition: long}", "launcher.partition belongs to kind: acme_queue; remove it"),
    ],
)
def test_a_fault_in_options_has_file_line_key_and_what_is_allowed(
    line: int, replacement: str, message: str
) -> None:
    lines = CONFIG.splitlines()
    lines[line] = replacement
    refusal = _refusal("\n".join(lines))
    assert refusal.startswith(f"x.yaml:{line + 1}: ")
    assert message in refusal


def test_all_faults_of_plugins_and_of_the_configuration_itself_come_at_once() -> None:
    text = "model: a\nbackend: acme\nacme: {streams: 0, url: 1}\nprecision: fp8\n"
    text += "energy: {meters: 3, acme_plug: {a: 1}}\n"
    refusal = _refusal(text)
    assert refusal.startswith("5 faults in the configuration\n")
    assert [line.split(":")[1] for line in refusal.splitlines()[1:]] == ["3", "3", "4", "5", "5"]


def test_a_backend_without_options_takes_no_section() -> None:
    assert "acme_bare: backend 'acme_bare' has no options here" in _refusal(
        "model: a\nbackend: acme_bare\nacme_bare: {a: 1}"
    )


def test_the_schema_has_the_options_of_every_plugin_that_loads() -> None:
    document = document_of(ExperimentConfig)
    for path in ("acme.draft.tokens", "energy.acme_plug.port", "launcher.partition", "workload.level"):
        field = field_at(document, tuple(path.split(".")))
        assert field is not None, path
        assert field["description"], path
    assert field_at(document, ("acme_broken",)) is None


def test_options_of_a_backend_change_the_hash_and_those_of_a_launcher_do_not() -> None:
    def hash_of(text: str) -> str:
        return load_config(_file(text)).config_hash

    base = hash_of(CONFIG)
    assert hash_of(CONFIG.replace("tokens: 2", "tokens: 3")) != base
    assert hash_of(CONFIG.replace("level: 3", "level: 4")) != base
    assert hash_of(CONFIG.replace("ttyUSB1", "ttyUSB2")) != base
    assert hash_of(CONFIG.replace("url:", "streams: 1, url:")) == base
    assert hash_of(CONFIG.replace("/dev/ttyUSB1", "/dev/ttyUSB0")) == hash_of(
        CONFIG.replace("{port: /dev/ttyUSB1}", "{}")
    )
    assert hash_of(CONFIG.replace("partition: long", "partition: short")) == base


def test_a_plugin_is_imported_only_when_a_configuration_uses_it() -> None:
    load_config(
        _file("model: a\nbackend: pytorch\nenergy: {meters: estimate, estimate: {cpu_max_power_w: 9}}\n")
    )
    assert "acme_llem" not in sys.modules
    load_config(_file("model: a\nbackend: acme\n"))
    assert "acme_llem" not in sys.modules
    load_config(_file("model: a\nbackend: acme\nacme: {url: u}\n"))
    assert "acme_llem" in sys.modules


def test_an_option_without_default_that_is_not_given_is_a_failure_of_preflight() -> None:
    config = load_config(_file("model: /\nbackend: acme\ndevice: cpu\n"))
    with pytest.raises(PreFlightError, match="options of 'acme' are missing: url"):
        require_ready(config)


def test_preflight_and_doctor_know_plugins_by_their_declarations() -> None:
    with pytest.raises(PreFlightError, match=r"acme\.url http://localhost:1 does not answer"):
        require_ready(load_config(_file(CONFIG.replace("model: any", "model: /"))))
    diagnosis = diagnose(Path())
    backends = {each.name: each for each in diagnosis.backends}
    assert backends["acme"].installed
    assert backends["acme_broken"].install == "pip install --force-reinstall acme-llem"
    assert {"acme_plug", "acme_dead"} <= {each.name for each in diagnosis.meters}
    assert "acme_plug" not in diagnosis.auto_meters


def test_options_of_a_meter_reach_the_process_that_reads_it() -> None:
    options = MeterOptions(energy=load_config(_file(CONFIG)).energy)
    there = MeterOptions.model_validate_json(options.model_dump_json())
    (channel,) = plugins.find("meters", "acme_plug")().open(there)
    assert channel.device == "/dev/ttyUSB1"


def test_a_launcher_of_a_plugin_gets_its_options_and_is_used() -> None:
    with pytest.raises(PreFlightError, match="the partition long is full"):
        run_to_bundle(load_config(_file(CONFIG)))


def test_a_data_set_of_a_plugin_gets_its_options() -> None:
    config = load_config(_file(CONFIG))
    prompts = find_workload("acme_riddles").prompts(config.workload, seed=0)
    assert [prompt.text for prompt in prompts] == ["riddle of level 3"] * 2


def test_secrets_in_options_are_masked_and_stop_a_run() -> None:
    config = load_config(_file(CONFIG.replace("http://localhost:1", "http://user:secret@host")))
    assert "secret" not in dump_config(redacted(config))
    with pytest.raises(PreFlightError, match=r"acme\.url looks like a secret"):
        require_ready(config)


def test_passthrough_keys_that_are_options_of_the_backend_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"is a field of its own: set acme\.streams"):
        ExperimentConfig.model_validate(
            {"model": "a", "backend": "acme", "passthrough_kwargs": {"streams": 2}}
        )


def test_a_stored_configuration_is_read_where_its_plugins_are_not_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = load_config(_file(CONFIG))
    stored = _file(dump_config(config))
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not path.endswith("/site")])
    with pytest.raises(ConfigError, match="unknown backend 'acme'"):
        load_config(stored)
    there = read_config(stored).value
    assert there.model_dump(mode="json") == config.model_dump(mode="json")


def test_an_option_that_is_given_its_default_changes_no_hash() -> None:
    given = CONFIG.replace("level: 3", "level: 1").replace("partition: long", "partition: short")
    left_out = CONFIG.replace("level: 3, ", "").replace(", partition: long", "")
    assert load_config(_file(given)).config_hash == load_config(_file(left_out)).config_hash
