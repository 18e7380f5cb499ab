"""A defect of llem itself is told with its cause, and with what was kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llenergymeasure.core.record import Record
from llenergymeasure.foreign_code import internal_error
from tests.support.typed import llem

WORKER = """#!{python}
import json, sys
from pathlib import Path
module, *arguments = sys.argv[4:]
if module == "llenergymeasure":
    print("llem 2.99.0")
else:
    folder = Path(arguments[0])
    (folder / "spool" / "samples.bin").write_text("measured")
    message = "internal error: OverflowError: too large\\nTraceback (most recent call last):\\n  File x\\nOverflowError"
    outcome = {{"status": "failed", "error": "LLEMError", "exit_code": 1, "message": message}}
    (folder / "outcome.json").write_text(json.dumps(outcome))
"""


def test_the_cause_is_told_and_where_the_samples_are(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text(WORKER.format(python=sys.executable))
    python.chmod(0o755)
    typed = llem(tmp_path, "run", "--model=any", f"--python={python}", f"--output={tmp_path}/out")
    done = subprocess.run(typed, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    (left,) = (tmp_path / "out" / "single" / ".jobs").iterdir()
    assert done.returncode == 1
    assert done.stderr.splitlines()[-2:] == [
        "error: internal error: OverflowError: too large. This is a defect of llem: please report it "
        "(LLEM_DEBUG=1 shows where it happened)",
        f"Samples and log of the run were kept in {left}",
    ]


class _Power(Record):
    power_w: float


def test_a_value_that_a_record_refuses_is_named_above_the_traceback() -> None:
    with pytest.raises(ValueError, match="power_w") as refused:
        _Power(power_w="much")  # type: ignore[arg-type]
    told = internal_error(refused.value).splitlines()
    assert told[0].startswith(
        "internal error: ValidationError: 1 validation error for _Power: power_w: Input should be a valid number"
    )
    assert told[1] == "Traceback (most recent call last):"
