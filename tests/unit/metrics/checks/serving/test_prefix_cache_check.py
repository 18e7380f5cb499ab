"""Which prompt tokens of a cache make a cold run invalid."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.experiment import EnergyBreakdown
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.harness.metering import Unmetered
from llenergymeasure.metrics.checks.inputs import CheckInputs
from llenergymeasure.metrics.checks.serving.prefix_cache import check_cache_was_cold
from llenergymeasure.metrics.energy.account import EnergyAccount, TotalEnergy
from llenergymeasure.metrics.energy.windows import WindowTotals
from tests.support.requests import request


def _told(cached: int | None, **facts: Any) -> list[tuple[str, str]]:
    """Return code and severity of the warnings for one request of 100 tokens."""
    row = WindowTotals(
        window=Phase(name="window", repeat=0, start_unix_ns=0, end_unix_ns=10**9),
        energy=TotalEnergy(energy_j=5.0),
    )
    inputs = CheckInputs(
        config=ExperimentConfig(model="any", backend="pytorch"),
        rows=[row],
        energy=EnergyBreakdown(),
        account=EnergyAccount(Unmetered().trace()),
        requests=RequestTable.from_records([request(prompt_tokens=100, cached_prompt_tokens=cached)]),
        prefix_cache=PrefixCacheFacts(policy="cold", **facts),
    )
    return [(each.code, each.severity) for each in check_cache_was_cold(inputs)]


@pytest.mark.parametrize(
    ("cached", "facts", "told"),
    [
        (0, {"resets": 1}, []),
        (1, {"resets": 1}, [("prefix_cache_shared", "info")]),
        (2, {"resets": 1}, [("prefix_cache_hit", "invalid")]),
        (16, {"resets": 1, "common_head_tokens": 31}, [("prefix_cache_shared", "info")]),
        (32, {"resets": 1, "common_head_tokens": 31}, [("prefix_cache_hit", "invalid")]),
        (32, {"keeps_prefixes": False}, [("prefix_cache_hit", "invalid")]),
        (64, {"resets": 1, "has_sessions": True}, [("prefix_cache_shared", "info")]),
        (64, {"has_sessions": True, "repeated_requests": 1}, [("prefix_cache_hit", "invalid")]),
        (None, {"resets": 1}, [("prefix_cache_unknown", "info")]),
        (None, {"repeated_requests": 1}, [("prefix_cache_unknown", "warning")]),
        (None, {"keeps_prefixes": False}, []),
    ],
)
def test_what_prompts_have_in_common_is_no_hit_and_all_else_is(
    cached: int | None, facts: dict[str, Any], told: list[tuple[str, str]]
) -> None:
    assert _told(cached, **facts) == told
