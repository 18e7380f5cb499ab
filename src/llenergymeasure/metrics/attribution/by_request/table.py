"""The table of energies by request, from the energies of each window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from llenergymeasure.domain.breakdowns.attribution import ATTRIBUTION_COLUMNS, AttributionTable
from llenergymeasure.domain.request_table import UNKNOWN, RequestTable
from llenergymeasure.metrics.attribution.by_request.request_energies import WindowEnergies

OUTSIDE = ("idle", "overhead")
"""Rows of each window beside its requests."""


def attribution_table(windows: Sequence[WindowEnergies], requests: RequestTable) -> AttributionTable:
    """Return the rows of all windows, in their order; `requests` are those that the energies refer to."""
    parts = [_of_window(each, requests.select(each.request)) for each in windows]
    return AttributionTable(
        **{name: np.concatenate([getattr(each, name) for each in parts]) for name, _ in ATTRIBUTION_COLUMNS}
    )


def _of_window(energies: WindowEnergies, requests: RequestTable) -> AttributionTable:
    rows, repeat = len(requests) + len(OUTSIDE), energies.window.repeat
    unknown = np.full(len(OUTSIDE), np.nan)
    uncounted = np.full(len(OUTSIDE), UNKNOWN, dtype=np.int32)
    nobody = np.full(len(OUTSIDE), None, dtype=object)
    return AttributionTable(
        repeat=np.full(rows, UNKNOWN if repeat is None else repeat, dtype=np.int32),
        kind=np.array(["request"] * len(requests) + [*OUTSIDE], dtype=object),
        request_id=np.concatenate([requests.request_id, nobody]),
        status=np.concatenate([requests.status, nobody]),
        prompt_tokens=np.concatenate([requests.prompt_tokens, uncounted]),
        output_tokens=np.concatenate([requests.output_tokens, uncounted]),
        prefill_energy_j=np.concatenate([energies.prefill_j, unknown]),
        decode_energy_j=np.concatenate([energies.decode_j, unknown]),
        energy_j=np.concatenate([energies.energy_j, [energies.idle_j, energies.overhead_j]]),
    )
