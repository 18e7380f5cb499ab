"""Files that lie where `llem` is started, or beside a user's script, are not imported by any process of ours."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.standin_runs import bundles_in
from tests.support.typed import llem, quick_run

HOSTILE = "raise SystemExit('imported from the current folder')"
NAMES = ("random", "statistics", "queue", "psutil", "yaml", "typer", "sitecustomize", "usercustomize", "pip")


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    folder = tmp_path / "hostile"
    (folder / "transformers").mkdir(parents=True)
    (folder / "transformers" / "__init__.py").write_text(HOSTILE)
    (folder / "evil.pth").write_text("import sys; sys.exit('run from the current folder')\n")
    for name in NAMES:
        (folder / f"{name}.py").write_text(HOSTILE)
    return folder


@pytest.mark.parametrize("start", ["module", "script"])
def test_no_command_imports_from_the_current_folder(
    tmp_path: Path, hostile: Path, standin_env: dict[str, str], start: str
) -> None:
    env = {name: value for name, value in standin_env.items() if name != "PYTHONSAFEPATH"}
    for arguments in (["doctor", "--python", sys.executable], quick_run(tmp_path / "out")):
        module = [sys.executable, "-m", "llenergymeasure", *arguments]
        command = module if start == "module" else llem(tmp_path, *arguments)
        done = subprocess.run(
            command, cwd=hostile, env=env, capture_output=True, text=True, timeout=90, check=False
        )
        assert done.returncode == 0, done.stderr
        assert "the current folder" not in done.stdout + done.stderr
    assert len(bundles_in(tmp_path)) == 1
