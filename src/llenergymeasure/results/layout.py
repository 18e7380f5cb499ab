"""The names of a bundle's files, and how a bundle is named."""

from __future__ import annotations

import re
from datetime import datetime, timezone

from llenergymeasure.domain.model.reference import parse_model_ref

RESULT = "result.json"
FACTS = "run.json"
CONFIG = "config.yaml"
TRACE = "trace.parquet"
REQUESTS = "requests.parquet"
PHASES = "phases.parquet"
STEPS = "steps.parquet"
SCHEDULE = "schedule.parquet"
ATTRIBUTION = "attribution.parquet"
SERVER_LOG = "server.log"
CHECKSUMS = "SHA256SUMS"

TABLES: tuple[str, ...] = (TRACE, REQUESTS, PHASES, STEPS, SCHEDULE)
"""The raw tables."""

FILES: tuple[str, ...] = (RESULT, FACTS, CONFIG, *TABLES, ATTRIBUTION, SERVER_LOG)
"""The files of a bundle beside the checksums; an interrupted run has no result, not every backend reports steps, not
every load has a schedule, and a server is only started where it is asked for."""

SINGLE = "single"
"""The study folder of experiments that belong to no study."""
JOBS = ".jobs"
"""Within a study folder: the folders of jobs that have not ended, or whose worker was killed."""
INTERRUPTED = ".interrupted"
"""Suffix of what is kept of a run that was stopped."""


def experiment_name(model: str, config_hash: str, start_unix_ns: int, chance: str) -> str:
    """Return a sortable name: UTC time, the model's last words, the start of the config hash, and `chance`.

    `chance`, hexadecimal digits drawn at random, tells runs apart that begin in one second, also on two machines.
    """
    when = datetime.fromtimestamp(start_unix_ns / 1e9, tz=timezone.utc).strftime("%Y%m%dT%H%M%S")
    slug = re.sub(r"[^a-z0-9.]+", "-", parse_model_ref(model).short_name.lower()).strip("-.") or "model"
    return f"{when}-{slug[:40]}-{config_hash[:8]}-{chance}"
