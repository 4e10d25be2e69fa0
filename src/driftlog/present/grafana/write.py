"""Everything that Grafana is provisioned with, as files: ``python -m driftlog.present.grafana.write``.

Needs ``grafana-foundation-sdk`` (the extra ``dev``); the files are committed, so that nobody else does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder

from driftlog.present.grafana import dashboards, rules, sources

DEPLOY: Final = Path(__file__).parents[4] / "deploy"
_HEAD: Final = "# Written by `python -m driftlog.present.grafana.write`; change the code, not this file.\n"
SHOWN_IN: Final = "/var/lib/grafana/dashboards"
"""Where docker-compose.yml mounts the dashboards; installed by hand they are copied there."""


def files(deploy: Path = DEPLOY, *, prefix: str = sources.PREFIX) -> dict[str, str]:
    """Path below ``deploy/grafana`` -> content; the alert rules are made of ``deploy/prometheus/rules.yml``."""
    groups = yaml.safe_load((deploy / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    found = {
        "provisioning/datasources/driftlog.yml": _yaml(sources.provisioned(prefix)),
        "provisioning/dashboards/driftlog.yml": _yaml(_provider()),
        "provisioning/alerting/driftlog.yml": _yaml(rules.provisioned(groups)),
    }
    for name, make in dashboards.ALL.items():
        content = json.loads(JSONEncoder(sort_keys=True).encode(make()))
        found[f"dashboards/{name}.json"] = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    return found


def _provider() -> dict[str, Any]:
    provider = {
        "name": "driftlog",
        "orgId": 1,
        "folder": "driftlog",
        "folderUid": "driftlog",
        "type": "file",
        "disableDeletion": True,
        "editable": False,
        "updateIntervalSeconds": 60,
        "allowUiUpdates": False,
        "options": {"path": SHOWN_IN, "foldersFromFilesStructure": False},
    }
    return {"apiVersion": 1, "providers": [provider]}


def _yaml(content: dict[str, Any]) -> str:
    return _HEAD + str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=120))


def main(folder: Path) -> None:
    """Write every file below `folder`."""
    for path, text in files().items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else DEPLOY / "grafana")
