"""The configuration of a model of the Hub, as far as it can be read in a few seconds."""

from __future__ import annotations

import logging
from dataclasses import replace

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.time_limit import fault_within
from llenergymeasure.domain.model.hub_access import CONFIG_FILE, cached_snapshot, look_up_file
from llenergymeasure.domain.model.reference import ModelRef
from llenergymeasure.domain.model.source import ModelSource

logger = logging.getLogger(__name__)

FETCH_TIMEOUT_S = 5.0
"""For one small file."""


def readable_source(ref: ModelRef, source: ModelSource, config: ExperimentConfig) -> ModelSource | None:
    """Return where the configuration can be read at once: the Hub, the cache, or None; a fault refuses nothing."""
    fault = fault_within(FETCH_TIMEOUT_S, lambda: _fetch_config(ref, config))
    if fault is None:
        return source
    logger.debug("the configuration of %s does not come from the Hub: %s", ref.text, fault)
    snapshot = cached_snapshot(ref.name, config.revision)
    if snapshot is None or not (snapshot / CONFIG_FILE).is_file():
        return None
    return replace(source, repo=str(snapshot), commit=snapshot.name)


def _fetch_config(ref: ModelRef, config: ExperimentConfig) -> None:
    """Fetch it where the Hub gives it at the first try: the client would repeat a refusal for half a minute, aloud."""
    from huggingface_hub import hf_hub_download

    look_up_file(ref.name, CONFIG_FILE, config.revision)
    hf_hub_download(ref.name, CONFIG_FILE, revision=config.revision)
