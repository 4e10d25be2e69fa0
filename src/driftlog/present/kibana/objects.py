"""Everything driftlog keeps in a Kibana space, as saved objects."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.alerts import ALERTS
from driftlog.present.kibana.dashboards.audit import AUDIT
from driftlog.present.kibana.dashboards.drift import DRIFT
from driftlog.present.kibana.dashboards.feedback import FEEDBACK
from driftlog.present.kibana.dashboards.model import MODEL
from driftlog.present.kibana.dashboards.operations import OPERATIONS
from driftlog.present.kibana.dashboards.overview import OVERVIEW
from driftlog.present.kibana.dashboards.pipeline import PIPELINE
from driftlog.present.kibana.dashboards.resources import RESOURCES
from driftlog.present.kibana.search import Search
from driftlog.present.kibana.searches import SEARCHES
from driftlog.present.kibana.tag import tag
from driftlog.present.kibana.view import View
from driftlog.present.kibana.views import VIEWS

DASHBOARDS: Final[tuple[Dashboard, ...]] = (
    OVERVIEW,
    MODEL,
    DRIFT,
    OPERATIONS,
    RESOURCES,
    PIPELINE,
    ALERTS,
    FEEDBACK,
    AUDIT,
)


def saved_objects(prefix: str = "driftlog") -> list[dict[str, Any]]:
    """All saved objects of an installation: the tag, data views, searches, dashboards, each after what it points to.

    Their ids follow from the prefix, so that installations with different prefixes share a space.

    >>> [saved["id"] for saved in saved_objects("demo")][:2]
    ['demo-kibana-tag-installation', 'demo-kibana-view-predictions']

    Raises
    ------
    NameRefused
        `prefix` cannot start index names.
    """
    parts: tuple[View | Search | Dashboard, ...] = (*VIEWS, *SEARCHES, *DASHBOARDS)
    return [tag(prefix), *(part.saved_object(prefix) for part in parts)]


def to_ndjson(saved: Iterable[Mapping[str, Any]]) -> str:
    """One object a line, as Kibana's import takes them.

    >>> to_ndjson([{"type": "tag", "id": "a"}])
    '{"id": "a", "type": "tag"}\\n'
    """
    return "".join(json.dumps(one, sort_keys=True, ensure_ascii=False) + "\n" for one in saved)
