"""Writes the committed files of `kibana/`: ``python -m driftlog.present.kibana.write kibana/``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from driftlog.present.kibana.objects import saved_objects, to_ndjson
from driftlog.present.kibana.page import page


def files() -> Mapping[str, str]:
    """Name of each generated file -> its text."""
    return {"saved-objects.ndjson": to_ndjson(saved_objects()), "README.md": page()}


def write(folder: Path) -> None:
    """Write all files into `folder`."""
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
