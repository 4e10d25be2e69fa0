"""The roles as files: one JSON a role for ``PUT _security/role``, and ``roles.yml`` for a cluster's file realm.

``python -m driftlog.store.role_files index_templates/roles`` writes them; a test holds them equal.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from driftlog.store.roles import roles, roles_yml

YML_HEAD: Final = (
    "# Roles of driftlog for the prefix 'driftlog'; generated, see docs/roles.md.\n"
    "# Append to config/roles.yml of every node. `driftlog setup --roles-yml` prints them for another prefix.\n"
)


def files(prefix: str = "driftlog") -> Mapping[str, str]:
    """Contents by file name.

    >>> sorted(files())[:3]
    ['driftlog_administrator.json', 'driftlog_analyst.json', 'driftlog_auditor.json']
    """
    found = {
        f"{name}.json": json.dumps(definition, indent=2) + "\n"
        for name, definition in roles(prefix, older=False).items()
    }
    return found | {"roles.yml": yml(prefix)}


def yml(prefix: str) -> str:
    """``roles.yml`` for one prefix."""
    return YML_HEAD.replace("'driftlog'", f"'{prefix}'", 1) + roles_yml(roles(prefix, older=False))


def write(folder: Path) -> None:
    """Write the files, and remove those of roles that are no more."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = files()
    for path in folder.glob("driftlog_*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
