"""A model of the Hub that is not in the cache: what can be known of it in a few seconds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.model.reference import ModelRef

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5.0
"""For one small file."""


def fetched(ref: ModelRef, config: ExperimentConfig, refusals: Callable[[], list[str]]) -> list[str]:
    """Return what the configuration of a model says, if it comes in time; a fault of the network refuses nothing."""
    found: list[str] = []

    def look() -> None:
        try:
            _fetch_config(ref, config)
            found.extend(refusals())
        except Exception as error:  # noqa: BLE001 - the load says it, with the reason
            logger.debug("the configuration of %s is unknown: %s", ref.text, error)

    thread = threading.Thread(target=look, name="hub-config", daemon=True)
    thread.start()
    thread.join(FETCH_TIMEOUT_S)
    return [] if thread.is_alive() else found


def _fetch_config(ref: ModelRef, config: ExperimentConfig) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(ref.name, "config.json", revision=config.revision)
