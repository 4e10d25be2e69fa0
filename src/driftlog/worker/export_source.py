"""How the exporters in `driftlog.present.export` read the packed counts of profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from driftlog.contract.exporting import ExportSettings
from driftlog.contract.profile import ProfileKey
from driftlog.contract.window import Window
from driftlog.present.export.counts import DayCounts
from driftlog.present.export.readings import Reader
from driftlog.profile.codec import unpack_predictions
from driftlog.profile.documents import bucket_in, counts_in
from driftlog.store.client import Store


def unpack(source: dict[str, Any]) -> DayCounts:
    """Latency and errors of a stored profile of predictions."""
    profile = unpack_predictions(counts_in(source), _nobody(bucket_in(source)))
    return DayCounts(tuple(profile.latency.tolist()), profile.latency_total_ns, profile.errors)


def _nobody(bucket: Window) -> ProfileKey:
    return ProfileKey("", "", "", "", "", "", bucket)


def reader_of(store: Store, settings: ExportSettings, *, state: Path | None = None) -> Reader:
    """The reader that metric exporters share."""
    return Reader(store, unpack, settings, state=state)
