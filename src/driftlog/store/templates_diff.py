"""What differs between a template as it is installed and as it should be, as a unified diff.

Elasticsearch answers settings as nested strings and adds fields of its own; both sides are brought into one form first.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from difflib import unified_diff
from typing import Any, Final

from driftlog.store.values import Document

_OWN: Final = ("index_patterns", "priority", "composed_of", "template", "_meta", "version")
"""What a template of ours says; Elasticsearch adds dates and defaults."""


def template_diff(name: str, installed: Document, wanted: Document) -> str:
    """Unified diff from `installed` to `wanted`; empty where only their form differs.

    >>> old = {"template": {"settings": {"index": {"codec": "default"}}}}
    >>> print(template_diff("t", old, {"template": {"settings": {"index.codec": "best_compression"}}}))
    --- t (installed)
    +++ t (this version)
    @@ -1,7 +1,7 @@
     {
       "template": {
         "settings": {
    -      "index.codec": "default"
    +      "index.codec": "best_compression"
         }
       }
     }
    """
    before, after = _lines(installed), _lines(wanted)
    return "\n".join(unified_diff(before, after, f"{name} (installed)", f"{name} (this version)", lineterm=""))


def json_diff(name: str, installed: Any, wanted: Any) -> str:
    """Unified diff of two JSON values, keys in order."""
    before, after = (json.dumps(each, indent=2, sort_keys=True).splitlines() for each in (installed, wanted))
    return "\n".join(unified_diff(before, after, f"{name} (installed)", f"{name} (this version)", lineterm=""))


def _lines(body: Document) -> list[str]:
    found = {key: body[key] for key in _OWN if key in body}
    template = dict(found.get("template", {}))
    if "settings" in template:
        template["settings"] = dict(sorted(flat(template["settings"])))
    if "mappings" in template:
        template["mappings"] = plain_mappings(template["mappings"])
    if template:
        found["template"] = template
    return json.dumps(found, indent=2, sort_keys=True).splitlines()


def flat(settings: Mapping[str, Any], parent: str = "") -> Iterator[tuple[str, Any]]:
    """Settings by their dotted names, values as text, all below ``index.``.

    >>> dict(flat({"index": {"mapping.total_fields.limit": 4000, "codec": "default"}}))
    {'index.mapping.total_fields.limit': '4000', 'index.codec': 'default'}
    """
    for key, value in settings.items():
        name = f"{parent}{key}"
        if isinstance(value, Mapping):
            yield from flat(value, f"{name}.")
            continue
        name = name if name.startswith("index.") else f"index.{name}"
        yield name, [str(each) for each in value] if isinstance(value, list) else _text(value)


def plain_mappings(value: Any) -> Any:
    """A mapping with the values of ``dynamic`` as text, as Elasticsearch answers them."""
    if isinstance(value, Mapping):
        return {key: _text(each) if key == "dynamic" else plain_mappings(each) for key, each in value.items()}
    return [plain_mappings(each) for each in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
