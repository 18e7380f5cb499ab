"""The page on work shows what its example prints."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO

from tests.architecture.tree import ROOT


def test_the_example_of_the_output_layer_prints_what_the_page_says():
    page = (ROOT / "docs/explanation/work.md").read_text(encoding="utf-8")
    code, _, rest = page.partition("```python\n")[2].partition("```")
    shown = rest.partition("It prints\n\n```text\n")[2].partition("```")[0]
    printed = StringIO()
    with redirect_stdout(printed):
        exec(code, {})
    assert printed.getvalue() == shown
