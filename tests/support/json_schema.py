"""A validator for the part of JSON Schema that our schemas use; an unknown keyword is an error, not a pass."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

ABOUT = {"$schema", "$defs", "title", "description", "default"}
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def faults(value: Any, schema: Mapping[str, Any], root: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the path of each part of a document that its schema does not allow."""
    for keyword, rule in schema.items():
        if keyword in ABOUT:
            continue
        check = globals().get(f"_{keyword.lstrip('$').lower()}")
        assert check is not None, f"{path}: the validator does not know {keyword!r}"
        yield from check(value, rule, schema, root, path)


def _ref(value: Any, rule: str, _schema: Any, root: Mapping[str, Any], path: str) -> Iterator[str]:
    yield from faults(value, root["$defs"][rule.rpartition("/")[2]], root, path)


def _type(value: Any, rule: str, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if not isinstance(value, TYPES[rule]) or (isinstance(value, bool) and rule != "boolean"):
        yield f"{path}: {value!r} is no {rule}"


def _enum(value: Any, rule: list[Any], _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if value not in rule:
        yield f"{path}: {value!r} is none of {rule}"


def _const(value: Any, rule: Any, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if value != rule:
        yield f"{path}: {value!r} is not {rule!r}"


def _exclusiveminimum(value: Any, rule: float, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and value <= rule:
        yield f"{path}: {value!r} is not above {rule}"


def _minimum(value: Any, rule: float, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if isinstance(value, (int, float)) and value < rule:
        yield f"{path}: {value!r} is below {rule}"


def _format(value: Any, rule: str, _schema: Any, _root: Any, path: str) -> Iterator[str]:
    if rule == "date-time" and isinstance(value, str) and "T" not in value:
        yield f"{path}: {value!r} is no time"


def _anyof(value: Any, rule: list[Any], _schema: Any, root: Mapping[str, Any], path: str) -> Iterator[str]:
    if all(any(True for _ in faults(value, each, root, path)) for each in rule):
        yield f"{path}: {value!r:.60} fits no alternative"


def _required(value: Any, rule: list[str], _schema: Any, _root: Any, path: str) -> Iterator[str]:
    yield from (
        f"{path}.{name}: is missing" for name in rule if isinstance(value, dict) and name not in value
    )


def _properties(value: Any, rule: Mapping[str, Any], _schema: Any, root: Any, path: str) -> Iterator[str]:
    for name, inner in rule.items() if isinstance(value, dict) else ():
        if name in value:
            yield from faults(value[name], inner, root, f"{path}.{name}")


def _additionalproperties(value: Any, rule: Any, schema: Any, root: Any, path: str) -> Iterator[str]:
    for name in set(value) - set(schema.get("properties", {})) if isinstance(value, dict) else ():
        if rule is False:
            yield f"{path}.{name}: is unknown"
        elif isinstance(rule, dict):
            yield from faults(value[name], rule, root, f"{path}.{name}")


def _items(value: Any, rule: Mapping[str, Any], _schema: Any, root: Any, path: str) -> Iterator[str]:
    for index, each in enumerate(value if isinstance(value, list) else ()):
        yield from faults(each, rule, root, f"{path}[{index}]")
