"""A push over a real store, as the commands make it."""

from __future__ import annotations

from pathlib import Path

from driftlog.contract.exporting import ExportSettings
from driftlog.present.export.ledger import Ledger
from driftlog.present.export.push import Destination, Push
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.worker.export_source import reader_of


def push_from(store: Store, destination: Destination, folder: Path) -> Push:
    """As a process that has just started, with its state in `folder`."""
    reader = reader_of(store, ExportSettings(), state=folder / "counters.json")
    return Push(
        read=lambda now: reader.read(now=now),
        alerts=lambda since: find_alerts(store, since=since),
        ledger=Ledger(folder / "sent.json", unsure=destination.unsure),
        destination=destination,
    )


def config_file(path: Path, url: str, prefix: str, **export: object) -> Path:
    """Settings with a folder for the exporters' state beside them."""
    import yaml

    settings = {
        "prefix": prefix,
        "elasticsearch": {"urls": [url]},
        "export": {"folder": str(path / "state"), **export},
    }
    file = path / "driftlog.yml"
    file.write_text(yaml.safe_dump(settings))
    return file
