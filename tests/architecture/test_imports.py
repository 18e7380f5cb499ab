"""Imports point down only, and importing any module of ours costs nothing heavy."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import textwrap

import pytest

import llenergymeasure
from llenergymeasure.constants import VERSION
from tests.architecture.tree import ROOT, heavy_packages, parsed, where

IMPORT_EVERYTHING = textwrap.dedent(
    """
    import builtins, importlib, json, pkgutil, sys
    heavy, skipped = json.loads(sys.argv[1]), tuple(sys.argv[2:])
    real_import, ours = builtins.__import__, "llenergymeasure"

    def guarded(name, globals=None, locals=None, fromlist=(), level=0):
        importer = (globals or {}).get("__name__", "")
        banned = [each for each in heavy if each != "numpy" or not importer.startswith(ours + ".metrics.")]
        if importer.partition(".")[0] == ours and level == 0 and name.partition(".")[0] in banned:
            raise AssertionError(f"{importer} imports {name} at module level")
        return real_import(name, globals, locals, fromlist, level)

    builtins.__import__ = guarded
    package = importlib.import_module(ours)
    imported = [ours]
    for module in pkgutil.walk_packages(package.__path__, ours + "."):
        if not module.name.startswith(skipped):
            importlib.import_module(module.name)
            imported.append(module.name)
    print(json.dumps({"imported": imported, "heavy": [name for name in heavy if name in sys.modules]}))
    """
)


def _import_everything(*skipped: str) -> dict[str, list[str]]:
    command = [sys.executable, "-c", IMPORT_EVERYTHING, json.dumps(heavy_packages()), *skipped]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer: dict[str, list[str]] = json.loads(done.stdout)
    return answer


def test_no_module_of_ours_imports_a_heavy_package_when_it_is_imported():
    assert len(_import_everything()["imported"]) > 50


def test_the_library_without_the_command_line_loads_numpy_alone_of_the_heavy_packages():
    """`metrics` computes with it; what starts quickly never imports `metrics`."""
    assert _import_everything("llenergymeasure.cli", "llenergymeasure.__main__")["heavy"] == ["numpy"]


@pytest.mark.parametrize(
    "starting",
    ["import llenergymeasure.api", "main(['--version'])", "main(['--help'])", "main(['run', '--help'])"],
)
def test_nothing_that_starts_quickly_loads_numpy(starting):
    code = textwrap.dedent(
        f"""
        import sys

        def main(arguments):
            sys.argv = ["llem", *arguments]
            from llenergymeasure.cli.main import main
            main()

        try:
            {starting}
        except SystemExit as done:
            assert not done.code, done.code
        print([name for name in sys.modules if name == "numpy" or name.startswith("llenergymeasure.metrics")])
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr


def test_importing_the_package_alone_loads_nothing_but_the_standard_library():
    code = "import sys, llenergymeasure; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], capture_output=True, text=True, env=_src_on_path()
    )
    assert done.returncode == 0, done.stderr
    foreign = {
        name
        for name in done.stdout.split()
        if name not in sys.stdlib_module_names and not name.startswith("_")
    }
    assert foreign == {"llenergymeasure"}


def test_nothing_inside_imports_the_package_root():
    importers = [
        where(path, node)
        for path, tree in parsed()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Import) and any(alias.name == "llenergymeasure" for alias in node.names))
        or (
            isinstance(node, ast.ImportFrom)
            and node.module == "llenergymeasure"
            and any(alias.name in llenergymeasure.__all__ for alias in node.names)
        )
    ]
    assert importers == []


def test_the_version_of_the_root_is_that_of_the_constants():
    assert llenergymeasure.__version__ == VERSION


def test_imports_point_down_only():
    """In a process of its own: import-linter configures logging, which silences the loggers of all other tests."""
    pytest.importorskip("importlinter.cli")
    config = str(ROOT / "pyproject.toml")
    lint = f"from importlinter.cli import lint_imports; raise SystemExit(lint_imports({config!r}, no_cache=True))"
    done = subprocess.run([sys.executable, "-c", lint], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def _src_on_path() -> dict[str, str]:
    """Without `site` there is no editable install, so the package comes from where this process has it."""
    package = llenergymeasure.__file__
    assert package is not None
    return {"PYTHONPATH": package.rsplit("/", 2)[0]}
