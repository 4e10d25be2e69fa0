"""Where a report finds the distributions it draws: the active reference, and stored profiles in its bins."""

from __future__ import annotations

from driftlog.present.report_data import ProfileSource
from driftlog.profile.buckets import load_window
from driftlog.profile.reference_store import active
from driftlog.store.client import Store


def profile_source(store: Store, model: str, environment: str) -> ProfileSource | None:
    """The active reference, and the counts of any window in its bins; None where there is no reference."""
    pair = active(store, model, environment)
    if pair is None:
        return None
    binning, reference = pair
    return ProfileSource(binning, reference, lambda window: load_window(store, model, environment, binning.id, window))
