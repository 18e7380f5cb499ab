"""Claims about sources of energy that were put in place of the system's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llenergymeasure.core.nvidia.nvml import LIBRARY, replaced_library
from llenergymeasure.core.sysfs import is_on_sysfs


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A file that the loader would take for NVML."""
    path = tmp_path / "fake" / LIBRARY
    path.parent.mkdir()
    path.touch()
    return path


def test_without_variables_of_the_loader_nvml_is_the_systems() -> None:
    assert replaced_library({}) is replaced_library({"LD_LIBRARY_PATH": ""}) is None


def test_a_library_in_ld_library_path_is_named(library: Path) -> None:
    paths = f"/nowhere:{library.parent}"
    assert replaced_library({"LD_LIBRARY_PATH": paths}) == str(library)


def test_a_library_in_ld_preload_is_named_and_others_there_are_not(library: Path) -> None:
    (library.parent / "libjemalloc.so").touch()
    assert replaced_library({"LD_PRELOAD": f"{library.parent / 'libjemalloc.so'} {library}"}) == str(library)
    assert replaced_library({"LD_PRELOAD": str(library.parent / "libjemalloc.so")}) is None


def test_folders_without_the_library_replace_nothing(tmp_path: Path) -> None:
    assert replaced_library({"LD_LIBRARY_PATH": str(tmp_path)}) is None


def test_the_place_of_a_container_runtime_is_the_systems(tmp_path: Path) -> None:
    """A link from a folder in LD_LIBRARY_PATH to the driver of the system is the system's."""
    real = next(path for path in Path("/usr/lib").rglob("*.so*") if path.is_file())
    (tmp_path / LIBRARY).symlink_to(real)
    assert replaced_library({"LD_LIBRARY_PATH": str(tmp_path)}) is None


def test_a_file_is_on_sysfs_in_whatever_place_it_is_mounted(tmp_path: Path) -> None:
    device = os.stat(tmp_path).st_dev
    name = f"{os.major(device)}:{os.minor(device)}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"23 27 {name} / /host/sys rw,relatime master:7 - sysfs sysfs rw\n")
    assert is_on_sysfs(tmp_path, mounts)
    mounts.write_text(
        f"23 27 {name} / /sys rw,relatime - tmpfs sysfs rw\n24 27 0:0 / /sys rw - sysfs sysfs rw\n"
    )
    assert is_on_sysfs(tmp_path, mounts) is False


def test_the_file_system_of_a_missing_file_is_unknown(tmp_path: Path) -> None:
    assert is_on_sysfs(tmp_path / "none") is None
    assert is_on_sysfs(tmp_path, tmp_path / "none") is None
