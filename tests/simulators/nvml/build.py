"""Compile the simulated libnvidia-ml.so.1 once per version of its source."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

SOURCE = Path(__file__).parent
LIBRARY = "libnvidia-ml.so.1"


class CannotBuildError(Exception):
    """The compiler or the header is missing; the text says which and what brings it."""


def build_library() -> Path:
    """Return the folder that holds the library, for LD_LIBRARY_PATH; safe to call from several processes at once.

    Raises:
        CannotBuildError: no C compiler, or no nvml.h.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise CannotBuildError("the simulated NVML needs a C compiler: apt-get install gcc")
    header = find_header()
    folder = Path(tempfile.gettempdir()) / f"llem-simulated-nvml-{os.getuid()}" / _fingerprint(header)
    if not (folder / LIBRARY).exists():
        folder.mkdir(parents=True, exist_ok=True)
        _compile(compiler, header.parent, folder)
    return folder


def find_header() -> Path:
    """Return nvml.h of the installed package nvidia-nvml-dev, whatever CUDA version names its folder."""
    package = importlib.util.find_spec("nvidia")
    roots = list(package.submodule_search_locations or ()) if package else []
    for root in roots:
        for header in sorted(Path(root).glob("**/include/nvml.h"), reverse=True):
            return header
    raise CannotBuildError("the simulated NVML needs nvml.h: pip install nvidia-nvml-dev")


def _fingerprint(header: Path) -> str:
    digest = hashlib.sha256()
    for path in (header, *sorted(SOURCE.glob("*.[ch]"))):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _compile(compiler: str, include: Path, folder: Path) -> None:
    """Build beside the final name and rename, so that nobody ever loads half a library."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        built = Path(scratch) / LIBRARY
        flags = ["-O2", "-fPIC", "-shared", "-w", f"-Wl,-soname,{LIBRARY}"]
        subprocess.run(
            [compiler, *flags, "-I", str(include), str(SOURCE / "library.c"), "-o", str(built), "-lm"],
            check=True,
        )
        built.rename(folder / LIBRARY)
