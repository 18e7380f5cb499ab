"""The page on writing a backend shows the example as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "plugin-backend"


@pytest.mark.parametrize("name", ["llem_openvino.py", "tests/test_llem_openvino.py"])
def test_the_page_shows_the_files_of_the_example(name: str) -> None:
    page = (ROOT / "docs/how-to/write-a-backend.md").read_text(encoding="utf-8")
    assert f"```python\n{(EXAMPLE / name).read_text(encoding='utf-8')}```" in page


def test_nothing_of_the_software_is_imported_with_the_module() -> None:
    """Pre-flight and `llem doctor` load it where the software may be missing."""
    lines = (EXAMPLE / "llem_openvino.py").read_text(encoding="utf-8").splitlines()
    imported = [line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))]
    assert set(imported) == {"os", "llenergymeasure", "pydantic"}
