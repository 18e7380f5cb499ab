"""A JSON document of a bundle, read into its record: bounded, strict about types, tolerant of newer fields."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from llenergymeasure.results.migrate import migrate_document
from llenergymeasure.results.versions import version_problem

MAX_BYTES = 16 * 2**20
"""A result of a day on eight GPUs has less than one MiB."""
MAX_FAULTS = 20
"""Faults of one file that are listed one by one."""

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One reason why a document cannot be used; `field` is None where it is the document as a whole."""

    message: str
    field: str | None = None
    stored: Any = None


class DocumentError(Exception):
    """A document that cannot be used, with every reason."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(
            "; ".join(f"{each.field}: {each.message}" if each.field else each.message for each in faults)
        )
        self.faults = faults


@dataclass(frozen=True, kw_only=True)
class Parsed(Generic[M]):
    """A record and what was left out of it: the dotted names of fields that this release does not know."""

    value: M
    version: str
    """The schema version in which it was stored."""
    unknown: tuple[str, ...] = ()


def read_document(path: Path, model: type[M], name: str) -> Parsed[M]:
    """Read a JSON file, migrated to the present schema; `name` is the name of such a file in a bundle.

    Raises:
        FileNotFoundError: there is no such file.
        DocumentError: it cannot be read, is of another major version, or breaks the schema.
    """
    document = load_json(path)
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(document, dict) or version is None:
        raise DocumentError(Fault(message="has no schema_version", field="schema_version"))
    problem = version_problem(version)
    if problem:
        raise DocumentError(Fault(message=problem, field="schema_version", stored=version))
    value, unknown = parse_document(migrate_document(name, document, version), model)
    return Parsed(value=value, version=version, unknown=unknown)


def parse_document(
    document: dict[str, Any], model: type[M], *, strict: bool = True
) -> tuple[M, tuple[str, ...]]:
    """Return a record of a document, and the names of the fields that the record does not have.

    Raises:
        DocumentError: it breaks the schema.
    """
    try:
        return _validate(document, model, strict), ()
    except ValidationError as error:
        unknown = [
            fault["loc"] for fault in error.errors(include_url=False) if fault["type"] == "extra_forbidden"
        ]
        if not unknown:
            raise DocumentError(*_faults(error)) from None
    for place in unknown:
        document = _without(document, place)
    try:
        return _validate(document, model, strict), tuple(_dotted(place) for place in unknown)
    except ValidationError as error:
        raise DocumentError(*_faults(error)) from None


def load_json(path: Path) -> Any:
    """Read a JSON file of bounded size in which no key occurs twice.

    Raises:
        FileNotFoundError: there is no such file.
        DocumentError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES // 2**20} MiB")
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse_constant
        )
    except FileNotFoundError:
        raise
    except RecursionError:
        raise DocumentError(Fault(message="cannot be read: it is nested too deeply")) from None
    except OSError as error:
        raise DocumentError(Fault(message=f"cannot be read: {error.strerror or error}")) from None
    except UnicodeDecodeError:
        raise DocumentError(Fault(message="cannot be read: it is no text in UTF-8")) from None
    except json.JSONDecodeError as error:
        raise DocumentError(Fault(message=f"cannot be read: it is not JSON ({error})")) from None
    except ValueError as error:
        raise DocumentError(Fault(message=f"cannot be read: {error}")) from None


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that occurs twice: one reader would take the first value, another the last."""
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {repeated!r} occurs twice in one object")
    return mapping


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _validate(document: dict[str, Any], model: type[M], strict: bool) -> M:
    """Validate as JSON: there a list is a tuple and a text a time, also where types are strict."""
    return model.model_validate_json(json.dumps(document), strict=strict)


def _without(document: Any, place: tuple[int | str, ...]) -> Any:
    """Return a document without one key; a part of the place that is no key, as unions have, is skipped."""
    if not place:
        return document
    first, *rest = place
    if isinstance(document, list) and isinstance(first, int):
        return [*document[:first], _without(document[first], tuple(rest)), *document[first + 1 :]]
    if isinstance(document, dict) and first in document:
        if not rest:
            return {key: value for key, value in document.items() if key != first}
        return {**document, first: _without(document[first], tuple(rest))}
    return _without(document, tuple(rest))


def _faults(error: ValidationError) -> Iterator[Fault]:
    for fault in error.errors(include_url=False)[:MAX_FAULTS]:
        yield Fault(field=_dotted(fault["loc"]) or None, message=f"breaks the schema: {fault['msg']}")
    if error.error_count() > MAX_FAULTS:
        yield Fault(message=f"breaks the schema in {error.error_count() - MAX_FAULTS} more places")


def _dotted(place: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).lstrip(".")
