"""Which requests were served together in one static batch."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from llenergymeasure.domain.request_table import UNKNOWN, RequestTable


def batch_numbers(requests: RequestTable) -> NDArray[np.intp]:
    """Return the number of each request's batch, shape (n,), from 0; a request that was in none has one of its own.

    The same batch of the workload is served again in every pass, so its number and its start name it.
    """
    alone = requests.batch == UNKNOWN
    names = np.stack(
        [
            np.where(alone, UNKNOWN - np.arange(len(requests)), requests.batch),
            np.where(alone, 0, requests.service_start_unix_ns()),
        ]
    )
    _, numbers = np.unique(names, axis=1, return_inverse=True)
    flat: NDArray[np.intp] = numbers.reshape(-1)  # numpy 2.0 gives it another shape
    return flat
