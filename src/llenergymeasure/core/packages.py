"""Installed packages as their metadata tells, of which any may be broken: others are found all the same."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

T = TypeVar("T")

logger = logging.getLogger(__name__)


def version_of(package: str) -> str | None:
    """Return the version of an installed package; None where it is not installed, or does not say."""
    from importlib.metadata import version

    return _or_none(lambda: version(package))


def installed_versions() -> dict[str, str]:
    """Return the installed packages that have a name and a version, sorted by name."""
    found: dict[str, str] = {}
    for each in _distributions():
        name, version = _name(each), _or_none(partial(_version, each))
        if name and version:
            found.setdefault(name, str(version))
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def entry_points_of(group: str) -> list[EntryPoint]:
    """Return the entry points of a group; of packages that are installed twice, those that would be imported."""
    from importlib.metadata import entry_points

    try:
        return list(entry_points(group=group))
    except Exception as error:  # noqa: BLE001 - one package's metadata, broken in any way
        logger.debug("packages are searched one by one for %s: %s", group, error)
    seen: set[str] = set()
    found: list[EntryPoint] = []
    for each in _distributions():
        name = _name(each)
        if name not in seen:
            found += _or_none(partial(_points, each, group)) or []
        seen |= {name} if name else set()
    return found


def distribution_of(point: EntryPoint) -> str | None:
    """Return the name of the package that brings an entry point; None where it does not say."""
    return None if point.dist is None else _name(point.dist)


def _distributions() -> Iterator[Distribution]:
    from importlib.metadata import distributions

    return _readable(distributions())


def _readable(found: Iterable[Distribution]) -> Iterator[Distribution]:
    """Yield until the search itself fails, as in a folder that cannot be read."""
    try:
        yield from found
    except Exception as error:  # noqa: BLE001 - as above
        logger.debug("the search for packages ended early: %s", error)


def _version(package: Distribution) -> str:
    return package.version


def _points(package: Distribution, group: str) -> list[EntryPoint]:
    return [point for point in package.entry_points if point.group == group]


def _name(package: Distribution) -> str | None:
    found = _or_none(lambda: package.metadata["Name"])
    return str(found) if found else None


def _or_none(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - as above; PackageNotFoundError is one of them
        logger.debug("metadata of a package cannot be read: %s", error)
        return None
