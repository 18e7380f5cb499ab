"""Meters, launchers, data sets and options may raise anything anywhere: each ends as one sentence that names it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from llenergymeasure.config.launcher import LauncherConfig
from llenergymeasure.config.models import ExperimentConfig, WorkloadConfig
from llenergymeasure.core import whose_error
from llenergymeasure.domain.sample import READ_FAILED, RECORD, Sample
from llenergymeasure.domain.trace import Channel
from llenergymeasure.exceptions import ConfigError, ExperimentError, LLEMError, MeterError, PluginError
from llenergymeasure.foreign_code import described
from llenergymeasure.launchers.base import Launcher, Running
from llenergymeasure.launchers.guarded import GuardedLauncher
from llenergymeasure.meters.base import Meter, MeterOptions
from llenergymeasure.meters.sampling.open_meter import OpenMeter
from llenergymeasure.meters.sampling.opening import open_meters
from llenergymeasure.meters.selection import probe
from llenergymeasure.orchestration.readiness.selection import dataset_problem, find_workload, read_prompts
from llenergymeasure.plugins import Kind, Plugin
from llenergymeasure.testing import installed
from llenergymeasure.workloads.base import Workload


@pytest.fixture(autouse=True)
def _in_a_process_of_llem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no other program calls us, a bare `BaseException` is of the plugin too."""
    monkeypatch.setattr(whose_error, "_alone", True)


class _Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class _Bare(BaseException):
    """Not even an `Exception`."""


RAISED = (
    RuntimeError(""),
    SystemExit(3),
    _Unspeakable(),
    _Bare("two\nlines"),
    EOFError("EOF when reading a line"),
)
CHANNEL = Channel(meter="hostile", domain="system", device="all", label="all", method="sampled")


def _methods(*protocols: type) -> list[str]:
    """Return the public names of protocols, so that a new method is tried too."""
    return sorted(
        name for each in protocols for name, value in vars(each).items() if name[0] != "_" and callable(value)
    )


class Hostile:
    """Does all that is asked of a plugin, but for one method that raises, or returns what it must not."""

    name = "hostile"
    where = ""
    act: Callable[[], Any] = staticmethod(lambda: None)

    def __init__(self, *_config: object) -> None:
        self._do("__init__", None)

    def _do(self, method: str, otherwise: Any) -> Any:
        return type(self).act() if self.where == method else otherwise

    @property
    def period_s(self) -> Any:
        return self._do("period_s", 0.1)

    def open(self, _options: object) -> Any:
        return self._do("open", [CHANNEL])

    def read(self, _offset_ns: int) -> Any:
        return self._do("read", [Sample(0, 1, power_w=1.0)])

    def close(self) -> Any:
        return self._do("close", None)

    def check(self, _config: object) -> Any:
        return self._do("check", None)

    def prompts(self, _config: object, _seed: int) -> Any:
        return self._do("prompts", [])

    def submit(self, _folder: Path) -> Any:
        return self._do("submit", self)

    def events(self) -> Any:
        return self._do("events", iter(()))

    def interrupt(self) -> Any:
        return self._do("interrupt", None)

    def wait(self) -> Any:
        return self._do("wait", None)


@contextmanager
def _hostile(kind: Kind, where: str, act: Callable[[], Any]) -> Iterator[None]:
    Hostile.where, Hostile.act = where, staticmethod(act)
    try:
        with installed(
            kind, Plugin(name="hostile", target=f"{__name__}:Hostile", install="pip install hostile")
        ):
            yield
    finally:
        Hostile.where = ""


def _raising(raised: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise raised

    return act


def _is_one_sentence(text: str, *words: str) -> bool:
    return "\n" not in text and "Traceback" not in text and all(word in text for word in words)


@pytest.mark.parametrize("raised", RAISED, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("method", ["__init__", "period_s", *_methods(Meter)])
def test_a_meter_that_raises_never_ends_the_sampler_or_doctor(
    method: str, raised: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    with _hostile("meters", method, _raising(raised)):
        status = probe("hostile", MeterOptions(), with_readings=True)
        if method != "close":
            assert not status.available
            assert _is_one_sentence(status.reason or "", type(raised).__name__)
        if method in ("read", "close"):
            with ExitStack() as stack:
                (opened,) = open_meters([Hostile], [], MeterOptions(), stack).meters
                packed = OpenMeter(opened.meter, opened.channels, 5, 0.0).read(0)
            sample = Sample(*RECORD.unpack(packed))
            assert sample.channel == 5
            assert (sample.error == READ_FAILED) == (method == "read")
            assert _is_one_sentence(caplog.messages[-1], "meter 'hostile' failed", described(raised))
            assert not any(record.exc_info for record in caplog.records)
        else:
            with ExitStack() as stack, pytest.raises(MeterError) as told:
                open_meters([Hostile], [], MeterOptions(), stack)
            assert _is_one_sentence(str(told.value), "meter 'hostile' cannot be read", described(raised))


@pytest.mark.parametrize(
    ("method", "returned"),
    [
        *(("open", each) for each in (None, 7, [None], ["system"], [])),
        *(("period_s", each) for each in (None, 0, -1.0, float("nan"), float("inf"), "1")),
    ],
)
def test_a_meter_that_returns_what_it_must_not_is_refused(method: str, returned: object) -> None:
    with (
        _hostile("meters", method, lambda: returned),
        ExitStack() as stack,
        pytest.raises(MeterError, match=r"^meter 'hostile' cannot be read: [^\n]+$"),
    ):
        open_meters([Hostile], [], MeterOptions(), stack)


@pytest.mark.parametrize(
    "fields",
    [
        {"relative_error": -0.1},
        {"relative_error": 1e308},
        {"offset_error_w": -1.0},
        {"error_in_common": 1.5},
        {"counter_range_j": 0.0},
        {"counter_range_j": -5.0},
        {"update_period_s": -1.0},
        {"averaging_window_s": -1.0},
        {"gain": 0.0},
        {"domain": "tpu"},
    ],
    ids=lambda each: next(iter(each)),
)
def test_a_sensor_with_facts_that_cannot_be_is_refused_by_name(fields: dict[str, Any]) -> None:
    with (
        _hostile("meters", "open", lambda: [Channel.model_validate({**dict(CHANNEL), **fields})]),
        ExitStack() as stack,
        pytest.raises(
            MeterError, match=rf"^meter 'hostile' cannot be read: [^\n]+{next(iter(fields))}[^\n]+$"
        ),
    ):
        open_meters([Hostile], [], MeterOptions(), stack)


@pytest.mark.parametrize(
    "returned", [None, 7, [None], ["x"], [Sample(1, 1)], [Sample(-1, 1)], [(0,)], [Sample(0, "now")]]
)
def test_a_meter_that_reads_what_it_must_not_writes_no_sample_of_another_meter(returned: object) -> None:
    with _hostile("meters", "read", lambda: returned):
        packed = OpenMeter(Hostile(), [CHANNEL], 5, 0.0).read(0)
    sample = Sample(*RECORD.unpack(packed))
    assert (sample.channel, sample.error) == (5, READ_FAILED)


def test_a_meter_whose_period_fails_later_is_read_as_often_as_before() -> None:
    with _hostile("meters", "", lambda: None):
        meter = OpenMeter(Hostile(), [CHANNEL], 0, 0.0)
        meter.schedule(0.0)
    with _hostile("meters", "period_s", _raising(SystemExit(1))):
        before_s = meter.due_s
        meter.schedule(0.0)
    assert before_s < meter.due_s < before_s + 0.2


@pytest.mark.parametrize("raised", RAISED, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("method", ["__init__", *_methods(Launcher, Running)])
def test_whatever_a_launcher_raises_is_one_sentence(
    method: str, raised: BaseException, tmp_path: Path
) -> None:
    with _hostile("launchers", method, _raising(raised)), pytest.raises(LLEMError) as told:
        _use_launcher(tmp_path)
    assert _is_one_sentence(str(told.value), "launcher 'hostile' failed", described(raised))


@pytest.mark.parametrize(
    ("method", "returned"), [("events", None), ("events", ["x"]), ("wait", None), ("submit", 7)]
)
def test_a_launcher_that_returns_what_it_must_not_is_named(
    method: str, returned: object, tmp_path: Path
) -> None:
    with (
        _hostile("launchers", method, lambda: returned),
        pytest.raises(ExperimentError, match=r"^launcher 'hostile' failed in [^\n]+$"),
    ):
        _use_launcher(tmp_path)


def _use_launcher(folder: Path) -> None:
    running = GuardedLauncher(LauncherConfig(kind="hostile")).submit(folder)
    list(running.events())
    running.interrupt()
    running.wait()


@pytest.mark.parametrize("raised", RAISED, ids=lambda each: type(each).__name__)
@pytest.mark.parametrize("method", ["__init__", *_methods(Workload)])
def test_whatever_a_data_set_raises_is_one_sentence(method: str, raised: BaseException) -> None:
    with _hostile("workloads", method, _raising(raised)), pytest.raises(ConfigError) as told:
        _use_data_set()
    assert _is_one_sentence(str(told.value), "data set 'hostile'", described(raised))


@pytest.mark.parametrize("returned", [None, 7, ["text"], [None] * 4, "text", []])
def test_a_data_set_that_gives_no_prompts_is_named(returned: object) -> None:
    with (
        _hostile("workloads", "prompts", lambda: returned),
        pytest.raises(ConfigError, match=r"^data set 'hostile' gives [^\n]+$"),
    ):
        _use_data_set()


def _use_data_set() -> None:
    workload = WorkloadConfig(dataset="hostile", n_prompts=4)
    dataset_problem(workload)
    config = ExperimentConfig(model="any", backend="pytorch", workload=workload)
    read_prompts(find_workload("hostile"), config)


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("class Bare(BaseException): pass\nraise Bare", "Bare without a text"),
        ("import no_such_module", "No module named 'no_such_module'"),
        ("input()", "EOFError"),
        ("x = (", "SyntaxError"),
        ("", "has no attribute 'Own'"),
    ],
)
def test_a_plugin_whose_import_raises_is_named(
    code: str, cause: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "acme_raises.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "acme_raises", None)
    monkeypatch.delitem(sys.modules, "acme_raises")
    with open("/dev/null") as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        plugin = Plugin(
            name="acme", target="acme_raises:Own", options="acme_raises:Own", install="pip install acme"
        )
        for load in (plugin.load, plugin.options_model):
            with pytest.raises(PluginError) as told:
                load()
            assert _is_one_sentence(
                str(told.value), "plugin 'acme' does not load", cause, "→ pip install acme"
            )


class RaisingOptions:
    """Is asked like a pydantic model, and raises."""

    model_fields: ClassVar[dict[str, object]] = {}
    raised: BaseException = RuntimeError()

    def __init__(self, **_given: object) -> None:
        raise self.raised

    @classmethod
    def model_validate(cls, _given: object) -> object:
        raise cls.raised


NO_MODEL = 7


@pytest.mark.parametrize("options", ["RaisingOptions", "NO_MODEL"])
@pytest.mark.parametrize("raised", RAISED, ids=lambda each: type(each).__name__)
def test_options_that_raise_are_a_fault_of_the_configuration(options: str, raised: BaseException) -> None:
    RaisingOptions.raised = raised
    declared = Plugin(name="acme", target=None, options=f"{__name__}:{options}", install="pip install acme")
    from pydantic import ValidationError

    for kind, settings in (
        ("backends", {"backend": "acme", "acme": {"a": 1}}),
        ("launchers", {"backend": "pytorch", "launcher": {"kind": "acme", "a": 1}}),
    ):
        with installed(kind, declared), pytest.raises(ValidationError) as told:  # type: ignore[arg-type]
            ExperimentConfig.model_validate({"model": "any", **settings})
        assert "acme" in str(told.value)
        assert (described(raised) if options == "RaisingOptions" else "no pydantic model") in str(told.value)
