"""Distinct values of categories in a window, which counts over bins cannot tell."""

from __future__ import annotations

from typing import Any, Final

from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.profile.scope import during, in_environment
from driftlog.store.client import Store

PRECISION: Final = 3_000
"""Up to about so many distinct values the number is nearly exact; beyond, a few percent off."""
FEATURES: Final = "features."


def distinct_query(names: list[str], settings: ModelSettings, window: Window) -> dict[str, Any]:
    """Approximate numbers of distinct values, named by position.

    ::

        {"size": 0, "track_total_hits": false, "query": {"bool": {"filter": [...]}},
         "aggs": {"d0": {"cardinality": {"field": "features.carrier", "precision_threshold": 3000}}, ...}}
    """
    aggs = {
        f"d{position}": {"cardinality": {"field": name, "precision_threshold": PRECISION}}
        for position, name in enumerate(names)
    }
    query = {"bool": {"filter": [during(window), *in_environment(settings.environment)]}}
    return {"size": 0, "track_total_hits": False, "query": query, "aggs": aggs}


def distinct_values(store: Store, settings: ModelSettings, binning: Binning, window: Window) -> dict[str, int]:
    """Number of distinct values by dotted name, of the categorical features that have any; HyperLogLog++."""
    names = [
        name for name, bins in binning.fields.items() if isinstance(bins, CategoricalBins) and name.startswith(FEATURES)
    ]
    if not names:
        return {}
    answer = store.search(store.names.all_predictions(settings.name), distinct_query(names, settings, window))
    aggs = answer.get("aggregations", {})
    found = {name: int(aggs[f"d{position}"]["value"]) for position, name in enumerate(names) if f"d{position}" in aggs}
    return {name: number for name, number in found.items() if number}
