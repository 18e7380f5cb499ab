"""The place of each of pydantic's errors in the data: keys and list indices, without the names of union members."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

from llenergymeasure.config.yaml_text import KeyPath

if TYPE_CHECKING:
    from pydantic import ValidationError

Branch = tuple[KeyPath, str]
"""The place of a union, and the member that an error is about."""


@dataclass(frozen=True, kw_only=True)
class LocatedError:
    """One error: its kind and message as pydantic has them, the key it is about and the value there.

    `member` is the union member around it, the innermost: the name of a model, or the value of its discriminator.
    """

    path: KeyPath
    kind: str
    message: str
    value: Any
    branches: tuple[Branch, ...] = ()
    member: str | None = None

    @property
    def name(self) -> str:
        """The key as messages write it: `energy.meters[1]`."""
        parts = [f"[{part}]" if part.isdecimal() else f".{part}" for part in self.path]
        return "".join(parts).removeprefix(".")


def value_at(data: Any, path: KeyPath) -> Any:
    """Return what the data has at a place, None where there is nothing."""
    for part in path:
        data = _step(data, part)
    return data


def locate(error: ValidationError, data: Any, whole: Collection[str]) -> list[LocatedError]:
    """Return the errors by place; of a union, those of the member that fits best.

    Where no member fits in part, there is one error of kind `union`, about the whole value: a member fits in part
    unless all its errors are about the whole value and of a kind in `whole` (a wrong type, say).
    """
    return list(_best([_located(each, data) for each in error.errors(include_url=False)], data, whole))


def _located(each: Mapping[str, Any], data: Any) -> LocatedError:
    path: KeyPath = ()
    branches: list[Branch] = []
    value = data
    for index, part in enumerate(each["loc"]):
        is_absent = each["type"] == "missing" and index == len(each["loc"]) - 1
        if is_absent or _has(value, part):
            path, value = (*path, str(part)), _step(value, part)
        else:
            branches.append((path, str(part)))
    cause = each.get("ctx", {}).get("error")
    message = str(cause) if each["type"] == "value_error" and cause is not None else each["msg"]
    return LocatedError(
        path=path, kind=each["type"], message=message, value=each["input"], branches=tuple(branches)
    )


def _has(value: Any, part: str | int) -> bool:
    if isinstance(value, Mapping):
        return part in value
    return isinstance(part, int) and isinstance(value, (list, tuple)) and part < len(value)


def _step(value: Any, part: str | int) -> Any:
    if isinstance(value, Mapping):
        return value.get(part)
    if isinstance(value, (list, tuple)) and str(part).isdecimal() and int(part) < len(value):
        return value[int(part)]
    return None


def _best(errors: Sequence[LocatedError], data: Any, whole: Collection[str]) -> Iterator[LocatedError]:
    for union, group in groupby(errors, key=lambda each: each.branches[0][0] if each.branches else None):
        if union is None:
            yield from group
        else:
            yield from _best_member(union, list(group), data, whole)


def _best_member(
    union: KeyPath, errors: Sequence[LocatedError], data: Any, whole: Collection[str]
) -> Iterator[LocatedError]:
    members: dict[str, list[LocatedError]] = {}
    for each in errors:
        member = each.branches[0][1]
        members.setdefault(member, []).append(replace(each, branches=each.branches[1:], member=member))
    partly = [inside for inside in members.values() if not _is_about_the_whole(inside, union, whole)]
    if partly:
        yield from _best(min(partly, key=len), data, whole)
    else:
        yield LocatedError(path=union, kind="union", message=errors[0].message, value=value_at(data, union))


def _is_about_the_whole(errors: Sequence[LocatedError], union: KeyPath, whole: Collection[str]) -> bool:
    return all(each.path == union and each.kind in whole for each in errors)
