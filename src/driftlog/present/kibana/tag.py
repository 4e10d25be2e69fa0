"""The tag by which everything of an installation is found."""

from __future__ import annotations

from typing import Any, Final

from driftlog.present.kibana.ids import object_id, reference

NAME: Final = "installation"
COLOUR: Final = "#6092c0"


def tag(prefix: str) -> dict[str, Any]:
    """The tag as a saved object; its name is the prefix."""
    return {
        "type": "tag",
        "id": object_id(prefix, "tag", NAME),
        "attributes": {
            "name": prefix,
            "description": "What driftlog keeps in Kibana for the indices of this prefix.",
            "color": COLOUR,
        },
        "references": [],
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.0.0",
        "managed": False,
    }


def tag_reference(prefix: str) -> dict[str, str]:
    return reference(prefix, "tag", NAME, named=f"tag-ref-{object_id(prefix, 'tag', NAME)}")
