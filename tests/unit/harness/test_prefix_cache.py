"""The cache policy is met with an engine that keeps prefixes, or the result says that it was not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from llenergymeasure.backends.base import EncodedRequest
from llenergymeasure.config.load import ClosedLoad, LoadConfig, OfflineLoad
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.harness.prefix_cache import PrefixCache
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.load.base import DriverInputs, LoadDriver
from llenergymeasure.load.closed import ClosedLoopDriver
from llenergymeasure.load.offline import OfflineDriver
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from llenergymeasure.orchestration.readiness.checks import check_backend_options
from llenergymeasure.testing import (
    STANDIN,
    STANDIN_CACHING,
    CachingStandInBackend,
    KnownPower,
    VirtualClock,
    VirtualLoop,
    installed,
)

WORDS = [f"word{number}" for number in range(16)]
PROMPTS = [
    Prompt(prompt_id=f"p{number}", text=" ".join(WORDS[number:] + WORDS[:number])) for number in range(6)
]


@pytest.fixture(autouse=True)
def _stand_ins() -> Iterator[None]:
    with installed("backends", STANDIN, STANDIN_CACHING):
        yield


def _config(**settings: Any) -> ExperimentConfig:
    options = {"output_tokens": 4, **settings.pop("standin_caching", {})}
    protocol = {
        "warmup": {"min_requests": 3, "min_duration_s": 0, "max_duration_s": None},
        "window": {"min_duration_s": 0.2},
        "repeats": {"min": 2, "max": 2},
    }
    return ExperimentConfig.model_validate(
        {
            "model": "any",
            "backend": "standin_caching",
            "measurement": protocol,
            "standin_caching": options,
            **settings,
        }
    )


def _run(config: ExperimentConfig) -> tuple[ExperimentResult, Recorder]:
    """Measure as `orchestration.experiment.measure` does, on a virtual clock."""
    clock = VirtualClock()
    log = Recorder(clock=clock)
    power = KnownPower(clock, lambda _time_ns: 50.0)
    backend = CachingStandInBackend()
    info = backend.load(config, clock)
    workload = backend.encode(PROMPTS)
    cache = PrefixCache(config, backend, workload)
    clock.sleep(1.0)
    driver = _driver(config.load, cache.backend, workload, clock)
    try:
        cache.fill(driver, log)
        ended = warm_up(driver, config.measurement, log, power)
        reason = measure_repeats(driver, config.measurement, log, power, cache.before_window)
        driver.drain()
    finally:
        driver.close()
    facts = RunFacts(
        experiment_id="run",
        model_info=info,
        warmup_ended=ended,
        stopped_because=reason,
        prefix_cache=cache.facts(),
    )
    raw = RawRun(trace=power.trace(), phases=tuple(log.phases), requests=log.requests.table(), facts=facts)
    return assemble(config, raw).result, log


def _driver(
    load: LoadConfig, backend: Any, workload: Sequence[EncodedRequest], clock: VirtualClock
) -> LoadDriver:
    inputs = DriverInputs(backend=backend, workload=workload, clock=clock)
    if isinstance(load, ClosedLoad):
        return ClosedLoopDriver(load, inputs, lambda: VirtualLoop(clock))
    assert isinstance(load, OfflineLoad)
    return OfflineDriver(load, inputs)


def _codes(result: ExperimentResult) -> dict[str, str]:
    return {
        each.code: each.severity for each in result.warnings if each.code.startswith(("prefix_", "prompts_"))
    }


def test_an_emptied_cache_and_distinct_passes_leave_nothing_to_hit() -> None:
    result, _ = _run(_config())
    use = result.prefix_cache
    assert use is not None
    assert (use.policy, use.met_by, use.cached_tokens) == ("cold", ("reset", "distinct"), 0)
    assert use.cached_tokens_by_repeat == (0, 0)
    assert _codes(result) == {"prompts_distinct": "info"}


def test_the_first_pass_of_each_window_is_the_workload_itself_where_the_cache_is_emptied() -> None:
    result, _ = _run(_config(measurement={"window": {"min_duration_s": 0}, "repeats": {"min": 3, "max": 3}}))
    use = result.prefix_cache
    assert use is not None
    assert (use.met_by, use.distinct_requests, use.repeated_requests) == (("reset",), 0, 0)


@pytest.mark.parametrize("tells_tokens", [True, False])
def test_a_reset_that_is_refused_makes_every_prompt_distinct_and_no_longer(tells_tokens: bool) -> None:
    result, log = _run(_config(standin_caching={"reset": "refuses", "tells_tokens": tells_tokens}))
    use = result.prefix_cache
    assert use is not None
    assert (use.met_by, use.cached_tokens) == (("distinct",), 0)
    assert use.reset_refused == "the engine answers success: false"
    assert {each.prompt_tokens for each in log.requests.table().rows()} == {16}
    assert "prefix_cache_hit" not in _codes(result)


def test_a_reset_that_lies_is_caught() -> None:
    result, _ = _run(_config(standin_caching={"reset": "lies"}))
    found = next(each for each in result.warnings if each.code == "prefix_cache_hit")
    assert (found.severity, result.verdict) == ("invalid", "invalid")
    assert "had confirmed" in found.message


def test_a_cache_that_is_off_needs_nothing() -> None:
    result, _ = _run(_config(standin_caching={"keeps": False}))
    use = result.prefix_cache
    assert use is not None
    assert (use.met_by, use.cached_tokens, use.distinct_requests) == (("off",), 0, 0)
    assert _codes(result) == {}


def test_cached_tokens_that_are_not_reported_are_unknown_and_said() -> None:
    result, _ = _run(_config(standin_caching={"tells_cached": False}))
    assert result.prefix_cache is not None
    assert result.prefix_cache.cached_tokens is None
    assert _codes(result) == {"prefix_cache_unknown": "info", "prompts_distinct": "info"}


def test_as_is_leaves_the_cache_alone_and_states_what_came_from_it() -> None:
    result, _ = _run(_config(cache="as_is"))
    use = result.prefix_cache
    assert use is not None
    assert (use.met_by, use.distinct_requests) == ((), 0)
    assert 0.7 < (use.cached_fraction or 0) < 12 / 16  # the warm-up left half of the prompts out
    assert _codes(result) == {}


def test_warm_serves_every_prompt_once_before_the_warm_up() -> None:
    result, log = _run(_config(cache="warm"))
    use = result.prefix_cache
    assert use is not None
    assert [phase.name for phase in log.phases][:2] == ["cache_fill", "warmup"]
    fills = [each for each in log.requests.table().rows() if each.request_id.startswith("fill.")]
    assert len(fills) == len(PROMPTS)
    assert (use.met_by, use.cached_fraction) == (("filled",), pytest.approx(12 / 16))
    assert _codes(result) == {}


def test_a_warm_cache_that_computes_its_prompts_is_warned_of() -> None:
    result, _ = _run(_config(cache="warm", standin_caching={"block_tokens": 100}))
    assert _codes(result) == {"prefix_cache_not_warm": "warning"}


def test_warm_with_an_engine_whose_cache_is_off_is_refused() -> None:
    with pytest.raises(ConfigError, match="set cache: cold"):
        _run(_config(cache="warm", standin_caching={"keeps": False}))


def test_warm_is_refused_before_the_run_with_a_backend_that_never_keeps_prefixes() -> None:
    config = ExperimentConfig(model="any", backend="standin", device="cpu", cache="warm")
    assert any("cache: warm" in each for each in check_backend_options(config))


def test_streams_are_made_distinct_too() -> None:
    load = {"kind": "closed", "concurrency": 2}
    result, _ = _run(_config(load=load, standin_caching={"reset": "refuses"}))
    use = result.prefix_cache
    assert use is not None
    assert use.cached_tokens == 0
    assert use.distinct_requests > 0
