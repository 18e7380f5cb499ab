"""Every equation that the code refers to stands in the page it names, once and in order."""

from __future__ import annotations

import re

from tests.architecture.tree import ROOT, modules

PAGE = "docs/explanation/signal-processing.md"
REFERENCE = re.compile(r"equations? \((\d+)\)(?:(?:,| and| to) (?:equation )?\((\d+)\))?")
NUMBER = re.compile(r"\((\d+)\)$", re.MULTILINE)


def test_every_equation_named_in_the_code_exists() -> None:
    numbers = set(map(int, NUMBER.findall((ROOT / PAGE).read_text(encoding="utf-8"))))
    named: set[int] = set()
    for module in modules():
        text = " ".join(module.read_text(encoding="utf-8").split())
        for first, last in REFERENCE.findall(text):
            named |= {int(first), int(last or first)}
            assert PAGE in text, module
    assert named
    assert named <= numbers


def test_equations_are_numbered_in_order() -> None:
    numbers = [int(each) for each in NUMBER.findall((ROOT / PAGE).read_text(encoding="utf-8"))]
    assert numbers == list(range(1, len(numbers) + 1))
