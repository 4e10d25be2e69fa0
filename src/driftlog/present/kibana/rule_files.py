"""Rules, connectors and watches as files: ``python -m driftlog.present.kibana.rule_files kibana/`` writes the committed
ones, ``driftlog kibana files`` those of any installation.

Each file is ``{"id": ..., "body": ...}``: what is sent, and under which id. Connectors with secrets have no file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from driftlog.contract.kibana import KibanaSettings
from driftlog.contract.settings import ModelSettings
from driftlog.present.kibana.conditions import conditions
from driftlog.present.kibana.connectors import BASIC, connectors
from driftlog.present.kibana.rules import rules
from driftlog.present.kibana.watches import watches

FOLDERS = ("rules", "connectors", "watches")


def files(
    prefix: str = "driftlog", settings: KibanaSettings | None = None, models: Iterable[ModelSettings] = ()
) -> Mapping[str, str]:
    """Text of each file by its path.

    >>> sorted(files())[:3]
    ['connectors/index.json', 'connectors/server-log.json', 'rules/alerts-critical.json']
    """
    given = settings or KibanaSettings()
    found = conditions(prefix, given.rules, models)
    tell = connectors(prefix, given.space, given.connectors)
    texts = {f"connectors/{one.kind}.json": _text(one.id, one.body()) for one in tell if one.kind in BASIC}
    texts |= {f"rules/{one.name}.json": _text(one.id, one.body) for one in rules(prefix, given.space, found, tell)}
    return texts | {f"watches/{one.name}.json": _text(one.id, one.body) for one in watches(prefix, found)}


def _text(id: str, body: Mapping[str, object]) -> str:
    return json.dumps({"id": id, "body": body}, indent=2, ensure_ascii=False) + "\n"


def write(folder: Path, texts: Mapping[str, str]) -> None:
    """Write the files below `folder`, and remove those of rules that are no more."""
    for name in FOLDERS:
        (folder / name).mkdir(parents=True, exist_ok=True)
        for path in (folder / name).glob("*.json"):
            if f"{name}/{path.name}" not in texts:
                path.unlink()
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), files())
