"""The command line as its console script runs it, and quick settings for a run of the stand-in backend."""

from __future__ import annotations

import sys
from pathlib import Path

SCRIPT = "import sys\nfrom llenergymeasure.cli.main import main\nsys.exit(main())\n"


def llem(folder: Path, *arguments: str) -> list[str]:
    """Return the command line of `llem ...`; its script lies in a folder that is not the current one."""
    scripts = folder / "bin"
    scripts.mkdir(exist_ok=True)
    (scripts / "llem").write_text(SCRIPT)
    return [sys.executable, str(scripts / "llem"), *arguments]


def quick_run(output: Path | str, *, window_s: float = 0.2) -> list[str]:
    """Return the arguments of a run that takes a second or two, beside the start of its processes."""
    return [
        "run",
        "--model=any",
        "--backend=standin",
        "--device=cpu",
        "-n4",
        f"--output={output}",
        "--set=workload.dataset=synthetic",
        "--set=workload.input_tokens=5",
        "--set=energy.meters=estimate",
        f"--set=measurement={{baseline: {{idle_s: 0.2, loaded_s: 0}}, window: {{min_duration_s: {window_s}}}, repeats: "
        "{min: 1, max: 1}, warmup: {min_requests: 1, min_duration_s: 0, max_duration_s: null}}",
    ]
