"""Installed packages as their metadata tells, of which any may be broken: others are found all the same."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

T = TypeVar("T")
TOLD = "LLEM_BROKEN_PACKAGES_TOLD"
"""Environment variable, for the processes of one run: digests of the warnings that a user has seen."""
_TOLERANT = "_llem_does_without_broken_ones"

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
            found += _points(each, group)
        seen |= {name} if name else set()
    return found


def do_without_broken_entry_points() -> None:
    """Let all libraries of this process do without the entry points of packages whose file of them is broken.

    `importlib.metadata` reads those of every package for whoever looks for some, and torch does so when it is imported:
    one broken file would end that import. For processes of our own; the package is told in a warning.
    """
    from importlib.metadata import Distribution, EntryPoints

    if getattr(Distribution, _TOLERANT, False):
        return
    read: Callable[[Distribution], EntryPoints] = vars(Distribution)["entry_points"].fget

    def entry_points(package: Distribution) -> EntryPoints:
        try:
            return read(package)
        except Exception as error:  # noqa: BLE001 - as above
            _tell(package, error)
            return EntryPoints(())

    for name, value in (("entry_points", property(entry_points)), (_TOLERANT, True)):
        setattr(Distribution, name, value)


def broken_entry_points() -> list[str]:
    """Return a sentence for each package whose entry points cannot be read: where, why, and what to do."""
    found = [(package, _fault(package)) for package in _distributions()]
    return [_sentence(package, fault) for package, fault in found if fault is not None]


def _fault(package: Distribution) -> Exception | None:
    try:
        list(package.entry_points)
    except Exception as error:  # noqa: BLE001 - as above
        return error
    return None


def _tell(package: Distribution, error: Exception) -> None:
    """Warn of a package once, in this process and those that it starts."""
    text = _sentence(package, error)
    told = os.environ.get(TOLD, "").split(os.pathsep)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    if key not in told:
        os.environ[TOLD] = os.pathsep.join([*told, key])
        logger.warning("%s", text)


def _sentence(package: Distribution, error: Exception) -> str:
    name, folder = _name(package), getattr(package, "_path", None)
    place = f"{folder}/entry_points.txt" if folder else "entry_points.txt"
    reason = next(iter(str(error).splitlines()), "") or type(error).__name__
    fix = f"pip install --force-reinstall {name}, or remove {folder}" if name else f"remove {folder}"
    return f"package {name or 'without a name'} cannot say which plugins it has: {place} is broken ({reason}) → {fix}"


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
    try:
        return [point for point in package.entry_points if point.group == group]
    except Exception as error:  # noqa: BLE001 - as above
        _tell(package, error)
        return []


def _name(package: Distribution) -> str | None:
    found = _or_none(lambda: package.metadata["Name"])
    return str(found) if found else None


def _or_none(look: Callable[[], T]) -> T | None:
    try:
        return look()
    except Exception as error:  # noqa: BLE001 - as above; PackageNotFoundError is one of them
        logger.debug("metadata of a package cannot be read: %s", error)
        return None
