"""A model of the Hub that is not in the cache: what can be known of it in a few seconds."""

from __future__ import annotations

import logging

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.domain.model.hub_access import CONFIG_FILE
from llenergymeasure.domain.model.reference import ModelRef

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5.0
"""For one small file."""


def config_was_fetched(ref: ModelRef, config: ExperimentConfig) -> bool:
    """Return whether the configuration of a model came in time; a fault of the network refuses nothing."""
    fault = fault_within(FETCH_TIMEOUT_S, lambda: _fetch_config(ref, config))
    if fault is not None:
        logger.debug("the configuration of %s is unknown: %s", ref.text, fault)
    return fault is None


def _fetch_config(ref: ModelRef, config: ExperimentConfig) -> None:
    from huggingface_hub import hf_hub_download

    hf_hub_download(ref.name, CONFIG_FILE, revision=config.revision)
