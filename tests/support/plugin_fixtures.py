"""The stand-in backends as plugins: of this process, and of child processes through their entry points."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llenergymeasure.testing import STANDIN, STANDIN_CONTINUOUS, STANDIN_STREAMING, installed

ENTRY_POINTS = """[llenergymeasure.backends]
standin = llenergymeasure.testing:STANDIN
standin_continuous = llenergymeasure.testing:STANDIN_CONTINUOUS
standin_streaming = llenergymeasure.testing:STANDIN_STREAMING
"""


def pytest_configure(config: pytest.Config) -> None:
    """Let the configurations of tests name the stand-in backends."""
    installation = installed("backends", STANDIN, STANDIN_CONTINUOUS, STANDIN_STREAMING)
    installation.__enter__()
    config.add_cleanup(lambda: installation.__exit__(None, None, None))


def add_backend(tmp_path: Path, name: str, declaration: str, source: str) -> None:
    """Install a further backend for the child processes of `standin_env`: one module, with its declaration."""
    site = tmp_path / "site"
    (site / f"{declaration.partition(':')[0]}.py").write_text(source)
    with (site / "llem_standin-1.0.dist-info" / "entry_points.txt").open("a") as points:
        points.write(f"{name} = {declaration}\n")


@pytest.fixture
def standin_env(tmp_path: Path) -> dict[str, str]:
    """Return an environment for child processes in which the stand-in backends are installed."""
    site = tmp_path / "site"
    info = site / "llem_standin-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: llem-standin\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
    paths = [str(site), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
