"""The page of backends names every option of every built-in backend."""

from __future__ import annotations

from scripts.reference.backends import backends_page, option_names

from llenergymeasure import plugins

SHOWN = [
    each for each in plugins.BUILTIN["backends"].values() if each.target and ".testing." not in each.target
]


def test_every_option_stands_in_one_row_of_its_backends_column() -> None:
    table = backends_page().partition("## Options by topic")[2]
    rows = [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    for column, plugin in enumerate(SHOWN, start=1):
        named = [cell.strip("`") for row in rows for cell in row[column].split(", ") if cell.startswith("`")]
        assert sorted(named) == sorted(option_names(plugin)), plugin.name


def test_a_backend_that_keeps_no_prefixes_refuses_to_warm_its_cache() -> None:
    line = next(line for line in backends_page().splitlines() if line.startswith("| prefix cache"))
    assert "`cache: warm` is refused" in line.split(" | ")[1 + [each.name for each in SHOWN].index("pytorch")]
