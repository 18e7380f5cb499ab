"""What is noted of the windows as a whole, also when the run fails in one: other load, compilation, prefix cache."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from llenergymeasure.backends.base import Backend, compile_seconds
from llenergymeasure.domain.interference import Interference, OtherLoad
from llenergymeasure.harness.interference import OtherLoadWatch
from llenergymeasure.harness.prefix_cache import PrefixCache
from llenergymeasure.harness.recorder import Recorder

logger = logging.getLogger(__name__)


@contextmanager
def noting_windows(before: OtherLoad, backend: Backend, cache: PrefixCache, log: Recorder) -> Iterator[None]:
    """Note other load and compilation during the windows, as far as possible also when the run fails in one."""
    watch = OtherLoadWatch(log.clock, backend.processes)
    compiled_before_s = compile_seconds(backend)

    def note() -> None:
        log.note(prefix_cache=cache.facts())
        log.note(compiled_in_windows_s=_since(compiled_before_s, compile_seconds(backend)))
        other = watch.look(empty=before)
        log.note(
            interference=Interference(before=before, windows=other, hold_ups=tuple(log.hold_ups)),
            client=tuple(log.client),
        )

    try:
        yield
    except BaseException:
        try:
            note()
        except Exception as error:  # noqa: BLE001 - the first error is the one to report
            logger.debug("the other load of the windows is unknown: %s", error)
        raise
    note()


def _since(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else max(after - before, 0.0)
