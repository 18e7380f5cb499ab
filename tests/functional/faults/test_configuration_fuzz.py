"""Hundreds of bad configurations: each is refused in words, and what is accepted means the same when read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from llenergymeasure import plugins
from llenergymeasure.cli.app import app
from llenergymeasure.config.assignments import parse_assignments
from llenergymeasure.config.defaults import DEFAULTS
from llenergymeasure.config.loader import dump_config, load_config
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.exceptions import ConfigError

FIELDS = sorted(
    {*DEFAULTS[1], *(key.rpartition(".")[0] for key in DEFAULTS[1]), "model", "vllm", "nope", "decoder.x"}
    - {""}
)
VALUES = """
|null|~|true|on|off|yes|no|y|0|-1|00|010|0o10|0x1F|1_000|1e3|1e400|-1e-400|.inf|-.inf|.nan|1.5|99999999999999999999999
|2024-01-01|12:30:00|''|' '|"\\x00"|"\\ud800"|[]|{}|[1]|[[]]|{a: 1}|{1: 2}|{null: 1}|[a, a]|!!python/object:os.system x
|!!binary aGk=|!!set {a}|&a [*a]|*nope|<<: 1|{<<: [1]}|- a|? a|@x|`x`|%x|"unclosed|'unclosed|[unclosed|{unclosed|a: b: c
|#|x #y|> folded|| literal|\U0001f600|\u202e|\ufeff|\u0085|éß|a\tb|\t|package:|package:../x|hf_token
|../..|/dev/null|/|~|$HOME|auto|none|cpu|cuda|pytorch|vllm|builtin|synthetic|offline|{kind: closed}
|{kind: closed, concurrency: 0}|{kind: offline, x: 1}
""".replace("\n", "").split("|")
TEXTS = [
    b"",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbfmodel: m\ndevice: gpu\n",
    b"model: m\r\ndevice: gpu\r\n",
    b"\tmodel: m",
    b"model: m\n\tdevice: cpu",
    b"model: m\nmodel: m",
    b"model: m\n---\nmodel: m",
    b"- model",
    b"model",
    b"42",
    b"null",
    b"---",
    b"...",
    b"%YAML 9.9\n---\nmodel: m\ndevice: gpu",
    b"model: m\ndecoder:\n  preset: sampling\n preset: sampling",
    b"{" * 2000,
    b"[" * 2000,
    b"a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\n" + b"d: [" + b"*c," * 9000 + b"]",
    b"model: &m m\nrevision: *x",
    b"x: &x {<<: *x}",
    b"model: m\npassthrough_kwargs: &p {a: *p}",
    b"PK\x03\x04zip",
    b"\x1b[31mmodel: m",
    b"model: m\n\xc3\x28",
    b"model: " + b"m" * 2_000_000,
    b"1: 2",
    b"? [a]\n: b",
    b"model: m\n? {a: b}\n: c",
    b"model: m\n<<: {device: gpu}",
    b"MODEL: m",
    b"model : \xc2\xa0",
    b"model: m\nworkload.n_prompts: 2",
    b"model:\n  - a",
]


def _refused_or_same(load: Any) -> str | None:
    """Return the sentence with which it was refused; what is accepted is read again as the same, and None returned."""
    try:
        config = load()
    except ConfigError as error:
        said = str(error)
        assert said.strip()
        assert "Traceback" not in said
        return said
    written = Path("again.yaml")
    written.write_text(dump_config(config), encoding="utf-8")
    again = load_config(written)
    assert again == config
    assert again.config_hash == config.config_hash
    return None


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_file_that_is_no_configuration_is_refused_with_its_name(number: int) -> None:
    Path("x.yaml").write_bytes(TEXTS[number])
    done = CliRunner().invoke(app, ["run", "x.yaml", "-q"])
    assert done.exit_code == 2, done.output
    assert done.stderr.startswith("error: ")
    assert "x.yaml" in done.stderr
    assert "internal error" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(FIELDS)))
def test_a_value_is_refused_with_its_key_or_keeps_its_meaning(number: int) -> None:
    """Each field gets every twelfth value, from another one on: all values come up at several fields."""
    for value in VALUES[number % 12 :: 12]:
        assigned = parse_or_none(f"{FIELDS[number]}={value}")
        if assigned is not None:
            said = _refused_or_same(
                lambda assigned=assigned: load_config(overrides=_base(FIELDS[number], assigned))
            )
            section, _, name = FIELDS[number].rpartition(".")
            assert said is None or name in said or f"{section} belongs to" in said


KINDS = {"load.format": "replay", "load.speed": "replay", "load.think_time_s": "closed"}
"""Of a load with that field; those of the others belong to an open one."""
NEEDED: dict[str, dict[str, Any]] = {
    "replay": {"file": "trace.jsonl"},
    "closed": {"concurrency": 2},
    "open": {"rate_per_s": 2},
}


def _base(field: str, assigned: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which a field may stand: an option of a backend with it, one of a load with its kind."""
    section, _, name = field.partition(".")
    settings: dict[str, Any] = {"model": "m", **assigned}
    if section in plugins.names("backends") and name:
        settings["backend"] = section
    if section == "server" and name and name not in ("url", "command", "preset"):
        settings["server"] = {"url": "http://127.0.0.1:8000/v1", **assigned["server"]}
    if section == "load" and name not in ("", "kind"):
        kind = KINDS.get(field, "open")
        settings["load"] = {"kind": kind, **NEEDED[kind], **assigned["load"]}
    return settings


def parse_or_none(assignment: str) -> dict[str, Any] | None:
    """Return what an assignment says, None where it is refused."""
    try:
        return parse_assignments([assignment])
    except ConfigError as error:
        if assignment.partition("=")[0] not in str(error):
            raise
        return None


ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=4)
    | st.dates()
    | st.just(object())
    | st.complex_numbers()
    | st.sampled_from([Path("x"), ExperimentConfig, 10**400, {1}, (1, 2)]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5) | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(
        st.sampled_from([key for key in FIELDS if "." not in key]) | st.text(max_size=5) | st.integers(),
        ANY,
        max_size=4,
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mapping_from_python_is_refused_in_words_or_keeps_its_meaning(raw: dict[Any, Any]) -> None:
    _refused_or_same(lambda: load_config(overrides={"model": "m", **raw}))


def test_a_mapping_that_holds_itself_is_refused() -> None:
    nested: dict[str, Any] = {}
    nested["passthrough_kwargs"] = {"x": nested}
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    assert _refused_or_same(lambda: load_config(overrides={"model": "m", **nested}))
    assert _refused_or_same(lambda: load_config(overrides={"model": "m", "passthrough_kwargs": {"x": deep}}))
