"""A page that lists dashboards with their panels, saved searches and data views, for who reads the files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from driftlog.present.kibana.control import controls_of
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.embedded import Embedded
from driftlog.present.kibana.lens import Lens
from driftlog.present.kibana.objects import DASHBOARDS
from driftlog.present.kibana.panel import Panel
from driftlog.present.kibana.searches import SEARCHES
from driftlog.present.kibana.views import VIEWS

_HEAD: Final = """# What driftlog keeps in Kibana

`saved-objects.ndjson` holds the data views, saved searches, dashboards and their tag, for the prefix `driftlog`. Import
it under *Stack Management > Saved objects*, or let `driftlog kibana install` do it, for other prefixes too. This page
and the file are made by `python -m driftlog.present.kibana.write kibana/` from `src/driftlog/present/kibana`.
How to use it: `docs/kibana.md`.
"""
_DRAWN: Final = {
    "lnsXY": "lines or bars",
    "lnsMetric": "number",
    "lnsHeatmap": "heatmap",
    "lnsDatatable": "table",
}


def page() -> str:
    """The page as Markdown."""
    return "\n".join([_HEAD, *_dashboards(), *_searches(), *_views()])


def _dashboards() -> Iterator[str]:
    for dashboard in DASHBOARDS:
        yield f"## {dashboard.title}\n\n{dashboard.description}\n"
        titles = ", ".join(control.title.lower() for control in controls_of(dashboard.views))
        yield f"Opens with the last {dashboard.since.removeprefix('now-')}; filtered by {titles}.\n"
        yield _table(("Panel", "Drawn as", "What it shows, and what to do", "A click opens"), list(_panels(dashboard)))


def _panels(dashboard: Dashboard) -> Iterator[tuple[str, ...]]:
    for row in dashboard.rows:
        for panel in row.panels:
            if isinstance(panel.content, Lens | Embedded):
                yield panel.content.title, _drawn(panel), panel.content.description, _opens(panel)


def _drawn(panel: Panel) -> str:
    return _DRAWN[panel.content.drawn_as] if isinstance(panel.content, Lens) else "documents"


def _opens(panel: Panel) -> str:
    return ", ".join(drilldown.dashboard or "documents" for drilldown in panel.drilldowns)


def _searches() -> Iterator[str]:
    yield "## Saved searches\n"
    rows = [(search.title, f"`{search.where}`", search.description) for search in SEARCHES]
    yield _table(("Search", "Query", "What it shows"), rows)


def _views() -> Iterator[str]:
    yield "## Data views\n"
    rows = [(view.shown, f"`{view.pattern('driftlog')}`", f"`{view.time}`" if view.time else "none") for view in VIEWS]
    yield _table(("Data view", "Indices", "Time field"), rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table.

    >>> print(_table(("a", "b"), [("1", "x | y")]))
    | a | b |
    |---|---|
    | 1 | x \\| y |
    <BLANKLINE>
    """
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    texts = ["| " + " | ".join(line) + " |" for line in lines]
    texts[1] = "|" + "---|" * len(head)
    return "\n".join(texts) + "\n"
