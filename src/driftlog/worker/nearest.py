"""A side without data: where the nearest is, and how its conditions are spelled."""

from __future__ import annotations

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.comparison import Side
from driftlog.contract.errors import UsageError
from driftlog.contract.segment import parse_segment
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Schedule, Window
from driftlog.profile.documents import parse_instant
from driftlog.profile.scope import during, instant, of_key
from driftlog.store.client import Store
from driftlog.worker.sides import key_of


def require_data(store: Store, settings: ModelSettings, binning: Binning, side: Side, n: int) -> None:
    """Refuse a side without events, and say where the nearest are.

    Raises
    ------
    UsageError
        It has none.
    """
    if n:
        return
    what = f"{settings.name} ({settings.environment}) has no predictions in {side.label()}"
    near = nearest_windows(store, settings, binning, side)
    if near:
        raise UsageError(what, remedy=f"the nearest windows with data are {' and '.join(w.label() for w in near)}")
    if side != Side(side.window):
        everything = store.count(
            store.names.all_predictions(settings.name), of_key(key_of(settings, binning, Side(side.window)))
        )
        raise UsageError(
            f"{what}, nor at any other time; without its conditions there are {everything:,} in that window",
            remedy=_spelling(binning, side),
        )
    raise UsageError(what, remedy="`driftlog predictions MODEL` shows what is stored, of all environments")


def nearest_windows(store: Store, settings: ModelSettings, binning: Binning, side: Side) -> list[Window]:
    """The windows of the settings' length that hold the last event before a side's window and the first after it."""
    query = of_key(key_of(settings, binning, side))
    filters = [part for part in query["bool"]["filter"] if part != during(side.window)]
    pattern = store.names.all_predictions(settings.name)
    found = []
    either = [("desc", {"lt": instant(side.window.start)}), ("asc", {"gte": instant(side.window.end)})]
    for order, bound in either:
        body = {
            "query": {"bool": {"filter": [*filters, {"range": {"@timestamp": bound}}]}},
            "sort": [{"@timestamp": {"order": order, "unmapped_type": "date"}}],
            "size": 1,
            "_source": ["@timestamp"],
        }
        found += [parse_instant(hit["_source"]["@timestamp"]) for hit in store.search(pattern, body)["hits"]["hits"]]
    schedule = Schedule(settings.window, settings.timezone)
    return [schedule.window_at(when) for when in found]


def _spelling(binning: Binning, side: Side) -> str:
    """What a segment's fields are called and hold."""
    for name, condition in parse_segment(side.segment).items():
        bins = binning.fields.get(name)
        if bins is None:
            return f"fields are {', '.join(sorted(binning.fields)[:12])}"
        if isinstance(bins, CategoricalBins) and condition not in bins.values:
            return f"{name} has values such as {', '.join(bins.values[:8])}"
        if isinstance(bins, NumericBins) and bins.minimum is not None:
            return f"{name} lies between {bins.minimum:g} and {bins.maximum:g}: write {name}=[{bins.minimum:g},)"
    return "leave a condition out: version, variant or segment"
