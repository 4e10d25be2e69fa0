"""Controls over a dashboard: lists of values to choose from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from driftlog.present.kibana import views
from driftlog.present.kibana.ids import reference

OFFERED: Final = (
    (views.MODEL, "Model"),
    (views.ENVIRONMENT, "Environment"),
    (views.VERSION, "Version"),
    (views.VARIANT, "Variant"),
    (views.SEGMENT, "Segment"),
    (views.SERVICE, "Service"),
    (views.HOST, "Host"),
)
"""Fields a dashboard may be filtered by, and what they are called."""


@dataclass(frozen=True, slots=True)
class Control:
    """A list of the values of a field in a data view."""

    field: str
    title: str
    view: str

    @property
    def id(self) -> str:
        return f"by-{self.field.replace('.', '-')}"


def controls_of(used: Iterable[str]) -> tuple[Control, ...]:
    """Controls that every panel obeys: of the fields that the documents of all `used` views fill.

    Their values are those of the first of them in the order of `views.VIEWS`.

    >>> [control.title for control in controls_of(["results", "predictions"])]
    ['Model', 'Environment', 'Version', 'Variant']
    """
    wanted = set(used)
    names = [view.name for view in views.VIEWS if view.name in wanted]
    shared = [set(views.BY_NAME[name].dimensions) for name in names]
    if not shared:
        return ()
    common = set.intersection(*shared)
    return tuple(Control(field, title, names[0]) for field, title in OFFERED if field in common)


def control_group(controls: Sequence[Control]) -> dict[str, Any]:
    """All controls of a dashboard, as it keeps them; each list offers what the others leave."""
    panels = {
        control.id: {
            "type": "optionsListControl",
            "order": place,
            "grow": True,
            "width": "medium",
            "explicitInput": {
                "id": control.id,
                "fieldName": control.field,
                "title": control.title,
                "enhancements": {},
            },
        }
        for place, control in enumerate(controls)
    }
    ignored = dict.fromkeys(("ignoreFilters", "ignoreQuery", "ignoreTimerange", "ignoreValidations"), False)
    return {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "ignoreParentSettingsJSON": json.dumps(ignored),
        "panelsJSON": json.dumps(panels),
        "showApplySelections": False,
    }


def control_references(prefix: str, controls: Sequence[Control]) -> list[dict[str, str]]:
    return [
        reference(prefix, "view", control.view, named=f"controlGroup_{control.id}:optionsListDataView")
        for control in controls
    ]
