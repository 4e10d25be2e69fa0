"""Which versions and variants had predictions in a window, from its stored profiles."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from driftlog.contract.window import Window
from driftlog.profile.documents import PREDICTIONS
from driftlog.profile.stored import Stored
from driftlog.store.client import Store

MOST: Final = 20
"""Versions, and variants, told apart in one window, the busiest first."""


def slices_query(wanted: Stored) -> dict[str, Any]:
    """Predictions by version and by variant.

    ::

        {"size": 0, "track_total_hits": false, "query": {...},
         "aggs": {"version": {"terms": {"field": "model.version", "size": 20, "order": {"n": "desc"}},
                              "aggs": {"n": {"sum": {"field": "n"}}}},
                  "variant": {...}}}
    """
    aggs = {
        name: {
            "terms": {"field": f"model.{name}", "size": MOST, "order": {"n": "desc"}},
            "aggs": {"n": {"sum": {"field": "n"}}},
        }
        for name in ("version", "variant")
    }
    return {"size": 0, "track_total_hits": False, "query": wanted.query(PREDICTIONS), "aggs": aggs}


def slices_of(
    store: Store, model: str, environment: str, binning_id: str, window: Window
) -> tuple[Counter[str], Counter[str]]:
    """(version -> predictions, variant -> predictions); the empty name stands for events that name none."""
    answer = store.search(store.names.every("profiles"), slices_query(Stored(model, environment, binning_id, window)))
    aggs = answer.get("aggregations", {})
    versions, variants = (
        Counter({bucket["key"]: int(bucket["n"]["value"]) for bucket in aggs.get(name, {}).get("buckets", ())})
        for name in ("version", "variant")
    )
    return versions, variants
