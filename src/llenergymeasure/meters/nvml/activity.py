"""What the parts of a card do, from NVML's GPM: how busy its SMs, tensor cores and memory are."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from llenergymeasure.core.nvidia.binding import FOREIGN, FUNCTION_NOT_FOUND, NVMLError
from llenergymeasure.core.nvidia.nvml import Gpu

logger = logging.getLogger(__name__)

SM_UTIL, ANY_TENSOR_UTIL, DRAM_BW_UTIL = 2, 5, 10
"""nvml.h: nvmlGpmMetricId_t, each in percent."""
VERSION = 1
"""nvml.h: NVML_GPM_METRICS_GET_VERSION."""
PERIOD_S = 0.5
"""NVML asks for more than 100 ms between two samples of one card; a window of ten seconds has twenty of these."""
MOST_TIME = 0.005
"""Share of the time that the readings may take: where they are slow, they are made less often."""
JOIN_TIMEOUT_S = 2.0
OLD = "the NVIDIA driver, or its Python binding, is too old for the GPM metrics"
WITHOUT = "the card has no GPM metrics (NVIDIA GPUs have them from Hopper on)"
NOT_ASKED = "energy.nvml.activity is false"
IN_INSTANCES = "the card is cut into MIG instances, and the GPM metrics are read of whole cards"


class Activity(NamedTuple):
    """Means over the time since the last reading, in percent; NaN where the card does not say."""

    sm_activity_pct: float
    tensor_activity_pct: float
    dram_activity_pct: float


class CardActivity:
    """The activity of one card between two samples of its counters. NVML has to stay initialised meanwhile.

    Raises:
        NVMLError: the card, the driver or the binding has no such metrics; or, as `FOREIGN`, is not NVIDIA's.
    """

    def __init__(self, pynvml: Any, handle: Any) -> None:
        if not pynvml.nvmlGpmQueryDeviceSupport(handle).isSupportedDevice:
            raise NVMLError(FUNCTION_NOT_FOUND, WITHOUT)
        self._pynvml = pynvml
        self._handle = handle
        self._samples = [pynvml.nvmlGpmSampleAlloc(), pynvml.nvmlGpmSampleAlloc()]
        self._metrics = pynvml.c_nvmlGpmMetricsGet_t()
        self._unread: deque[Activity] = deque(maxlen=1)
        pynvml.nvmlGpmSampleGet(handle, self._samples[0])

    def update(self) -> None:
        """Take another sample of the counters, and keep the means since the last one for `take`.

        A reading that fails gives none, and the next one is of the longer time.
        """
        before, after = self._samples
        try:
            self._pynvml.nvmlGpmSampleGet(self._handle, after)
            activity = self._between(before, after)
        except (NVMLError, *FOREIGN) as error:
            logger.debug("GPM: %s", error)
            return
        self._samples = [after, before]
        self._unread.append(activity)

    def take(self) -> Activity | None:
        """Return what no sample has yet; None where there was no reading since."""
        with suppress(IndexError):
            return self._unread.popleft()
        return None

    def close(self) -> None:
        """Give the samples back to the driver."""
        for sample in self._samples:
            with suppress(NVMLError):
                self._pynvml.nvmlGpmSampleFree(sample)
        self._samples = []

    def _between(self, before: Any, after: Any) -> Activity:
        metrics = self._metrics
        metrics.version, metrics.numMetrics = VERSION, len(Activity._fields)
        metrics.sample1, metrics.sample2 = before, after
        for index, number in enumerate((SM_UTIL, ANY_TENSOR_UTIL, DRAM_BW_UTIL)):
            metrics.metrics[index].metricId = number
        self._pynvml.nvmlGpmMetricsGet(metrics)
        return Activity(*(_percent(metrics.metrics[index]) for index in range(len(Activity._fields))))


def open_activity(pynvml: Any, handle: Any, gpu: Gpu) -> CardActivity | str:
    """Return the activity of a card; where there is none to read, why."""
    if gpu.mig_enabled:
        return IN_INSTANCES
    try:
        return CardActivity(pynvml, handle)
    except NVMLError as error:
        if str(error) == WITHOUT:
            return WITHOUT
        return OLD if error.value == FUNCTION_NOT_FOUND else f"the GPM metrics cannot be read: {error}"
    except FOREIGN:
        return OLD


class ActivityReader:
    """Reads the activity of cards from `start` to `close`, in a thread of its own: it delays no reading of energy."""

    def __init__(self, cards: Sequence[CardActivity]) -> None:
        self._cards = tuple(cards)
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to read, where there is a card to read and the system has a thread for it."""
        if not self._cards:
            return
        thread = threading.Thread(target=self._keep_reading, name="activity", daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            logger.warning("the activity of the GPUs is not read: %s", error)
            return
        self._thread = thread

    def close(self) -> None:
        """Stop reading and free what the cards hold; a call of the driver that hangs is left behind."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(JOIN_TIMEOUT_S)
        if self._thread is None or not self._thread.is_alive():
            for each in self._cards:
                each.close()
        self._cards = ()

    def _keep_reading(self) -> None:
        cards, wait_s = self._cards, PERIOD_S
        while not self._ended.wait(wait_s):
            before_s = time.monotonic()
            for each in cards:
                each.update()
            wait_s = max(PERIOD_S, (time.monotonic() - before_s) / MOST_TIME)


def _percent(metric: Any) -> float:
    value = float(metric.value)
    return value if metric.nvmlReturn == 0 and 0 <= value <= 100 else float("nan")
