"""PyYAML with the scalars of YAML 1.2: `1e-3` is a number, `on` is a word, a date is text."""

from __future__ import annotations

import re
from functools import cache
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

CORE = "tag:yaml.org,2002:"
LONGEST = 40
"""Characters of a number that a message shows."""
NUMBER = "number"
"""Context of an error about a number that is YAML and that we do not take."""

_RULES: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+.0123456789",
    ),
)
"""The core schema (YAML 1.2.2, section 10.3.2): tag, pattern, first characters."""


@cache
def loader_class() -> type[yaml.SafeLoader]:
    """Return a safe loader that knows the core schema and merge keys, and nothing else."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {"<": list(yaml.SafeLoader.yaml_implicit_resolvers["<"])}  # noqa: RUF012

    _add_rules(Loader)
    Loader.add_constructor(CORE + "int", _construct_int)
    Loader.add_constructor(CORE + "float", _construct_float)
    return Loader


@cache
def dumper_class() -> type[yaml.SafeDumper]:
    """Return a dumper that quotes whatever YAML 1.1 or 1.2 would take for something else than text."""
    import yaml

    class Dumper(yaml.SafeDumper):
        yaml_implicit_resolvers = {  # noqa: RUF012
            first: list(rules) for first, rules in yaml.SafeDumper.yaml_implicit_resolvers.items()
        }

        def ignore_aliases(self, _data: Any) -> bool:
            return True

    _add_rules(Dumper)
    return Dumper


def _add_rules(target: Any) -> None:
    for tag, pattern, first in _RULES:
        starts = [*first, ""] if tag == "null" else list(first)
        target.add_implicit_resolver(CORE + tag, re.compile(rf"^(?:{pattern})$"), starts)


def _construct_int(_loader: Any, node: yaml.ScalarNode) -> int:
    try:
        value = int(node.value, {"0o": 8, "0x": 16}.get(node.value[:2], 10))
        str(
            value
        )  # a hexadecimal number of any length is read, and one of thousands of digits cannot be written
    except ValueError:
        raise _refused(node, "is a number that cannot be read") from None
    return value


def _construct_float(_loader: Any, node: yaml.ScalarNode) -> float:
    text = node.value.lower().replace(".inf", "inf").replace(".nan", "nan")
    try:
        value = float(text)
    except ValueError:
        raise _refused(node, "is a number that cannot be read") from None
    mantissa = text.partition("e")[0]
    if value in (inf, -inf) and "inf" not in text:
        raise _refused(node, "is larger than any number can be (1.8e308): put it in quotes if it is text")
    if value == 0 and any(digit in mantissa for digit in "123456789"):
        raise _refused(node, "is too close to 0 to be told from it: write 0")
    return value


def _refused(node: yaml.ScalarNode, why: str) -> Exception:
    from yaml.constructor import ConstructorError

    text = str(node.value)
    shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return ConstructorError(NUMBER, None, f"{shown} {why}", node.start_mark)
