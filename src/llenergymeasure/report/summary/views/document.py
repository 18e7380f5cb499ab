"""The views of a result by name: what each shows, and the same content as data."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from llenergymeasure.metrics.figures import table
from llenergymeasure.metrics.figures.figure import Section
from llenergymeasure.report.summary.document import Block, Document, Rows
from llenergymeasure.report.summary.footnotes import with_footnotes
from llenergymeasure.report.summary.result import title, verdict_row
from llenergymeasure.report.summary.uncertainty import uncertainty_blocks
from llenergymeasure.report.summary.views.energy import energy_blocks
from llenergymeasure.report.summary.views.latency import latency_blocks
from llenergymeasure.report.summary.views.load import load_blocks
from llenergymeasure.report.summary.views.prices import price_blocks
from llenergymeasure.report.summary.views.requests import request_blocks, request_rows
from llenergymeasure.report.summary.views.work import work_blocks
from llenergymeasure.results.opening import Bundle


@dataclass(frozen=True, kw_only=True)
class View:
    """One view: its blocks, and which parts of `result.json` it shows."""

    blocks: Callable[[Bundle], Iterator[Block]]
    sections: tuple[Section, ...] = ()
    """Sections of the table of figures."""
    fields: tuple[str, ...] = ()
    """Further fields of the result."""
    rows: Callable[[Bundle], list[dict[str, Any]]] | None = None
    """Rows of a table of the bundle."""


VIEWS: dict[str, View] = {
    "latency": View(
        blocks=latency_blocks, sections=("latency",), fields=("latency", "latency_with_failures")
    ),
    "load": View(blocks=load_blocks, sections=("load",), fields=("traffic",)),
    "energy": View(
        blocks=energy_blocks, sections=("energy", "power", "phases"), fields=("energy", "phase_split")
    ),
    "work": View(blocks=work_blocks, sections=("work",), fields=("roofline", "memory")),
    "requests": View(blocks=request_blocks, fields=("attribution",), rows=request_rows),
    "prices": View(blocks=price_blocks, sections=("prices",), fields=("attribution",)),
    "uncertainty": View(blocks=lambda bundle: uncertainty_blocks(bundle.result), fields=("uncertainty",)),
}
"""In the order in which they are shown."""


def views_document(bundle: Bundle, names: Sequence[str]) -> Document:
    """Return the views of a result, one below the other, under its verdict.

    Raises:
        ExperimentError: a file of the bundle cannot be read.
    """
    verdict = Rows(rows=(verdict_row(bundle.result),))
    blocks = [verdict, *(block for name in VIEWS if name in names for block in VIEWS[name].blocks(bundle))]
    return Document(title=title(bundle.result), blocks=_numbered(blocks))


def views_json(bundle: Bundle, names: Sequence[str]) -> dict[str, Any]:
    """Return the content of views as data: the verdict, and by view its figures with intervals and further fields."""
    views = {name: _data(bundle, VIEWS[name]) for name in VIEWS if name in names}
    return {"verdict": bundle.result.verdict, **views}


def _data(bundle: Bundle, view: View) -> dict[str, Any]:
    document: dict[str, Any] = bundle.result.model_dump(mode="json")
    names = [figure.name for figure in table.FIGURES if figure.section in view.sections]
    return {
        "figures": {
            name: document["estimates"].get(name) or {"value": None, "reason": document["unknown"].get(name)}
            for name in names
            if name in document["estimates"] or name in document["unknown"]
        },
        **{name: document[name] for name in view.fields if name in document},
        **({} if view.rows is None else {"rows": view.rows(bundle)}),
    }


def _numbered(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return blocks with the footnotes of all rows below the last one."""
    numbered = iter(with_footnotes([block for block in blocks if isinstance(block, Rows)]))
    placed: list[Block] = [next(numbered) if isinstance(block, Rows) else block for block in blocks]
    return (*placed, *numbered)
