"""The source tree as these tests see it."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "llenergymeasure"


def modules() -> list[Path]:
    """Return every Python file of the package."""
    return sorted(SOURCE.rglob("*.py"))


def where(path: Path, node: ast.AST | None = None) -> str:
    """Return `src/.../file.py:line`, which a terminal makes clickable."""
    line = getattr(node, "lineno", 1)
    return f"{path.relative_to(ROOT)}:{line}"


def parsed() -> Iterator[tuple[Path, ast.Module]]:
    """Yield every Python file of the package with its syntax tree."""
    for path in modules():
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def pyproject() -> dict[str, Any]:
    """Return pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def heavy_packages() -> list[str]:
    """Return the packages that ruff lets nobody import at module level; that list is the only one."""
    settings = pyproject()["tool"]["ruff"]["lint"]["flake8-tidy-imports"]
    banned: list[str] = settings["banned-module-level-imports"]
    return banned
