"""Readings of a server's own counters."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from llenergymeasure.backends.server.presets import Counters
from llenergymeasure.backends.server.process.plain_http import Answer, NoAnswer, ask
from llenergymeasure.backends.server.process.prometheus import totals
from llenergymeasure.domain.server_side import TIMES, ServerSample

Ask = Callable[[str], Answer]
NO_COUNTERS = "nothing is known of the counters of this kind of server: set server.preset"
ATTEMPT_S = 5.0
"""For one reading; a server that is busy answers late."""


def read_counters(
    metrics_url: str | None,
    names: Counters,
    *,
    energy_url: str | None = None,
    needs: str = "",
    now_ns: Callable[[], int] = time.time_ns,
    api_key: str | None = None,
) -> ServerSample:
    """Read the counters once; where there are none the sample says why.

    `needs` is what the server has to be started with so that it has them.
    """
    if metrics_url is None:
        return ServerSample(unix_ns=now_ns(), unknown=NO_COUNTERS)
    start_ns = now_ns()
    try:
        answer = ask(metrics_url, api_key=api_key, timeout_s=ATTEMPT_S)
    except NoAnswer as reason:
        return ServerSample(unix_ns=now_ns(), unknown=f"{metrics_url}: {reason}")
    unix_ns = (start_ns + now_ns()) // 2
    energy_j = None if energy_url is None else _energy_j(energy_url, api_key)
    if answer.status != 200:
        start_with = f" → start the server with {needs}" if needs else ""
        unknown = f"{metrics_url} gave status {answer.status}{start_with}"
        return ServerSample(
            unix_ns=unix_ns, energy_j=energy_j, unknown=None if energy_j is not None else unknown
        )
    found = totals(answer.body.decode("utf-8", "replace"))
    return ServerSample(unix_ns=unix_ns, energy_j=energy_j, **_named(found, names))


def _named(found: Mapping[str, float], names: Counters) -> dict[str, Any]:
    sample: dict[str, Any] = {
        field: found.get(getattr(names, field))
        for field in ("prompt_tokens", "cached_prompt_tokens", "output_tokens", "requests")
        if getattr(names, field)
    }
    for time_name in TIMES:
        name = getattr(names, time_name)
        if name:
            sample[f"{time_name}_sum_s"] = found.get(f"{name}_sum")
            sample[f"{time_name}_count"] = found.get(f"{name}_count")
    return sample


def _energy_j(url: str, api_key: str | None) -> float | None:
    """Return what TensorRT-LLM counts (`total_energy_j`); None where that is switched off."""
    try:
        answer = ask(url, api_key=api_key, timeout_s=ATTEMPT_S)
    except NoAnswer:
        return None
    document = answer.json() if answer.status == 200 else None
    value = document.get("total_energy_j") if isinstance(document, dict) else None
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
