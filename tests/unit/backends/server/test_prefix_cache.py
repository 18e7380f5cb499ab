"""A server that keeps prefixes is measured cold, or the result says why not."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.backends.server.backend import ServerBackend
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheUse
from llenergymeasure.domain.request import Prompt
from llenergymeasure.domain.run_facts import RunFacts
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.harness.prefix_cache import PrefixCache
from llenergymeasure.harness.recorder import Recorder
from llenergymeasure.harness.repeats import measure_repeats
from llenergymeasure.harness.warmup import warm_up
from llenergymeasure.load.base import DriverInputs
from llenergymeasure.load.drivers import open_driver
from llenergymeasure.orchestration.assemble import assemble
from llenergymeasure.orchestration.raw import RawRun
from tests.simulators.openai.options import StandInServer
from tests.simulators.openai.process import standin_server

PROMPTS = [
    Prompt(prompt_id=f"p{number}", text=f"Why does bread number {number} go stale sooner in the fridge?")
    for number in range(4)
]
PROTOCOL = {
    "warmup": {"min_requests": 1, "min_duration_s": 0, "max_duration_s": None},
    "window": {"min_duration_s": 0},
    "repeats": {"min": 2, "max": 2},
}


def _measured(server: StandInServer, **section: Any) -> tuple[PrefixCacheUse, set[str]]:
    """Return what became of the cache in two windows, and the codes of the warnings."""
    with standin_server(server) as running:
        config = ExperimentConfig.model_validate(
            {
                "model": "stand-in",
                "backend": "server",
                "device": "cpu",
                "workload": {"max_output_tokens": 2},
                "measurement": PROTOCOL,
                "server": {"url": running.url, **section},
            }
        )
        clock = AnchoredClock()
        log, power, backend = Recorder(clock=clock), Unmetered(), ServerBackend()
        try:
            info = backend.load(config, clock)
            workload = backend.encode(PROMPTS)
            cache = PrefixCache(config, backend, workload)
            inputs = DriverInputs(backend=cache.backend, workload=workload, clock=clock)
            with open_driver(config.load, inputs) as driver:
                warm_up(driver, config.measurement, log, power)
                measure_repeats(driver, config.measurement, log, power, cache.before_window)
        finally:
            backend.close()
    facts = RunFacts(experiment_id="run", model_info=info, prefix_cache=cache.facts())
    raw = RawRun(trace=power.trace(), phases=tuple(log.phases), requests=log.requests.table(), facts=facts)
    result = assemble(config, raw).result
    assert result.prefix_cache is not None
    return result.prefix_cache, {each.code for each in result.warnings}


def test_a_cache_that_the_server_empties_leaves_the_workload_as_it_is() -> None:
    use, codes = _measured(StandInServer(prefix_cache=True), reset_path="/reset_prefix_cache")
    assert (use.met_by, use.cached_tokens, use.distinct_requests) == (("reset",), 0, 0)
    assert "prefix_cache_hit" not in codes


@pytest.mark.parametrize("section", [{"reset_path": "/reset_prefix_cache"}, {}], ids=["refused", "no reset"])
def test_prompts_are_made_distinct_where_the_server_answers_200_and_no_success_or_has_no_reset(
    section: dict[str, str],
) -> None:
    use, codes = _measured(StandInServer(prefix_cache=True, lying_reset=True), **section)
    assert (use.met_by, use.cached_tokens, use.repeated_requests) == (("distinct",), 0, 0)
    assert use.reset_refused is not None
    assert "prompts_distinct" in codes
    assert "prefix_cache_hit" not in codes
