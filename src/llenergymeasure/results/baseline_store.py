"""Idle baselines of this machine, kept from one process to the next in one small file."""

from __future__ import annotations

import logging

from pydantic import BaseModel, ConfigDict

from llenergymeasure.core.files.durable import replace_text
from llenergymeasure.core.files.user_dirs import cache_dir
from llenergymeasure.domain.baseline import StoredBaseline

logger = logging.getLogger(__name__)

FILE = "baselines.json"
VERSION = 1
MOST = 64
"""Baselines that are kept, the latest; a machine has a handful of states."""


class _CacheFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    baselines: dict[str, StoredBaseline] = {}


def find_baseline(key: str) -> StoredBaseline | None:
    """Return what was kept under a key; None where there is nothing, or nothing that can be read."""
    return _read().baselines.get(key)


def keep_baseline(key: str, baseline: StoredBaseline) -> None:
    """Keep a baseline under a key; never raises.

    The file is replaced in one step, so nobody reads half of it. Of two processes that write at the same moment, what
    one of them adds is lost, and measured again.
    """
    baselines = {**_read().baselines, key: baseline}
    latest = sorted(baselines, key=lambda each: baselines[each].measured_unix_ns)[-MOST:]
    stored = _CacheFile(baselines={each: baselines[each] for each in latest})
    try:
        replace_text(cache_dir() / FILE, stored.model_dump_json(indent=1) + "\n")
    except (OSError, RuntimeError) as error:
        logger.warning("the idle baseline could not be kept for later runs: %s", error)


def _read() -> _CacheFile:
    try:
        stored = _CacheFile.model_validate_json((cache_dir() / FILE).read_bytes())
    except (OSError, RuntimeError, ValueError) as error:
        logger.debug("no stored baselines: %s", error)
        return _CacheFile()
    if stored.version != VERSION:
        logger.debug("stored baselines of version %d are not used", stored.version)
        return _CacheFile()
    return stored
