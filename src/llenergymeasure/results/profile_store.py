"""Sensor profiles of this user's machines, in one small file."""

from __future__ import annotations

import hashlib
import logging
import platform
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from llenergymeasure.core.cpu import ROOT, read_cpu
from llenergymeasure.core.files.durable import replace_text
from llenergymeasure.core.files.user_dirs import data_dir
from llenergymeasure.core.sysfs import read_text
from llenergymeasure.domain.calibration import SensorProfile
from llenergymeasure.exceptions import ExperimentError

logger = logging.getLogger(__name__)

FILE = "profiles.json"
VERSION = 1


class _CacheFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    profiles: tuple[SensorProfile, ...] = ()


def profiles_file() -> Path:
    """Return the file that profiles are stored in.

    Raises:
        RuntimeError: there is no folder for it.
    """
    return data_dir() / FILE


def load_profiles() -> tuple[SensorProfile, ...]:
    """Return all stored profiles, the latest first; none, with a warning, where the file cannot be read."""
    try:
        return _read(profiles_file()).profiles
    except (RuntimeError, ExperimentError) as error:
        logger.warning("sensor profiles are not used: %s", error)
        return ()


def keep_profiles(profiles: Sequence[SensorProfile]) -> Path:
    """Store profiles in place of older ones of the same sensors, and return the file.

    Raises:
        ExperimentError: the file cannot be written, or what is there cannot be read.
    """
    try:
        path = profiles_file()
        others = [old for old in _read(path).profiles if not any(new.replaces(old) for new in profiles)]
        stored = _CacheFile(profiles=(*profiles, *others))
        replace_text(path, stored.model_dump_json(indent=1) + "\n")
    except (OSError, RuntimeError) as error:
        raise ExperimentError(
            f"the sensor profiles cannot be stored: {error}. Set LLEM_DATA_DIR to a folder that can be written"
        ) from None
    return path


def machine_key() -> str:
    """Return a key of this machine: a home folder may be shared by machines whose sensors have the same names."""
    cpu = read_cpu(ROOT)
    identity = [read_text(ROOT / "etc/machine-id"), platform.node(), cpu.model]
    return hashlib.sha256(repr(identity).encode()).hexdigest()[:16]


def _read(path: Path) -> _CacheFile:
    try:
        stored = _CacheFile.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _CacheFile()
    except OSError as error:
        raise ExperimentError(f"{path} cannot be read: {error.strerror or error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ExperimentError(
            f"{path} is not a file of sensor profiles: {where}: {first['msg']}. Move it away and calibrate again"
        ) from None
    if stored.version != VERSION:
        raise ExperimentError(
            f"{path} has version {stored.version}, this version of llem reads {VERSION}. "
            "Move it away and calibrate again"
        )
    return stored
