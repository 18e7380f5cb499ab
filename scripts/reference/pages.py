"""The generated pages, by the name of their file in docs/reference."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.reference.backends import backends_page
from scripts.reference.configuration import configuration_page
from scripts.reference.figures import metrics_page
from scripts.reference.gpu_peaks import gpu_peaks_page
from scripts.reference.python_api import python_api_page
from scripts.reference.server_presets import server_presets_page
from scripts.reference.warning_codes import warnings_page

from llenergymeasure.report.result_schema import result_schema

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def schema_file() -> str:
    """Return docs/reference/result.schema.json, which is also what `llem schema --result` prints."""
    return json.dumps(result_schema(), indent=2) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "metrics.md": metrics_page,
    "configuration.md": configuration_page,
    "backends.md": backends_page,
    "warnings.md": warnings_page,
    "gpu-peaks.md": gpu_peaks_page,
    "server-presets.md": server_presets_page,
    "python-api.md": python_api_page,
    "result.schema.json": schema_file,
}
