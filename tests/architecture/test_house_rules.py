"""What a reader may rely on in every file of the package."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator

from tests.architecture.tree import ROOT, SOURCE, parsed, pyproject, where

MODULE_LINES = 300
FUNCTION_LINES = 50
FOLDER_MODULES = 18

Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def test_every_module_public_class_and_public_function_says_what_it_is_for():
    bare = [
        where(path, node)
        for path, tree in parsed()
        for node in [tree, *_public(tree)]
        if not ast.get_docstring(node)
    ]
    assert bare == []


def test_the_docstring_of_a_module_is_one_paragraph():
    long = [where(path) for path, tree in parsed() if "\n\n" in (ast.get_docstring(tree) or "").strip()]
    assert long == []


def test_annotations_are_never_evaluated_at_import():
    plain = [where(path) for path, tree in parsed() if _annotates(tree) and not _has_future_annotations(tree)]
    assert plain == []


def test_only_the_command_line_prints():
    printing = [
        where(path, node)
        for path, tree in parsed()
        if "cli" not in path.parts
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("print", "sys.stdout.write", "pprint.pprint")
    ]
    assert printing == []


def test_a_summary_is_content_and_neither_draws_nor_writes():
    drawing = [
        where(path, node)
        for path, tree in parsed()
        if path.is_relative_to(SOURCE / "report" / "summary")
        for node in ast.walk(tree)
        if ast.unparse(node).startswith(("from rich", "import rich", "from typing import IO", "out.write"))
    ]
    assert drawing == []


def test_no_exception_is_swallowed_without_a_word():
    silent = [
        where(path, node)
        for path, tree in parsed()
        for node in ast.walk(tree)
        if isinstance(node, ast.ExceptHandler) and all(isinstance(each, ast.Pass) for each in node.body)
    ]
    assert silent == []


def test_nothing_is_left_for_later():
    marks = [
        f"{where(path)} {word}"
        for path, _tree in parsed()
        for word in ("TODO", "FIXME", "XXX", "NotImplementedError")
        if word in path.read_text(encoding="utf-8")
    ]
    assert marks == []


def test_modules_and_functions_stay_small():
    large = [
        f"{where(path, node)} has {lines} lines"
        for path, tree in parsed()
        for node, lines, limit in _sizes(path.read_text(encoding="utf-8"), tree)
        if lines > limit
    ]
    assert large == []


def test_folders_stay_small():
    counts = Counter(path.parent for path, _tree in parsed() if path.name != "__init__.py")
    wide = [
        f"{folder.relative_to(ROOT)} has {n} modules" for folder, n in counts.items() if n > FOLDER_MODULES
    ]
    assert wide == []


def test_every_dependency_is_pinned():
    pinned = {
        line.partition("==")[0]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    project = pyproject()["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *extras["pytorch"], *extras["test"], *extras["dev"]]
    assert {_name(line) for line in asked} - pinned == {"llenergymeasure"}


def _public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]:
    for node in tree.body:
        if isinstance(node, (*Function, ast.ClassDef)) and not node.name.startswith("_"):
            yield node


def _annotates(tree: ast.Module) -> bool:
    return any(isinstance(node, (*Function, ast.AnnAssign)) for node in ast.walk(tree))


def _has_future_annotations(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and "annotations" in [alias.name for alias in node.names]
        for node in tree.body
    )


def _sizes(text: str, tree: ast.Module) -> Iterator[tuple[ast.AST, int, int]]:
    yield tree, text.count("\n"), MODULE_LINES
    for node in ast.walk(tree):
        if isinstance(node, Function):  # its body: a signature of many options is a list, not a complication
            yield node, (node.end_lineno or node.lineno) - node.body[0].lineno + 1, FUNCTION_LINES


def _name(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement.lower().replace("_", "-"))[0]
