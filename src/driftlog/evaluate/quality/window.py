"""Quality of the inputs of one window: values that are missing, new, malformed, out of range or stuck."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.measurement import MARK_NO_REFERENCE, Chunks, Measurement
from driftlog.contract.profile import FieldCounts, PredictionProfile, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.window import adjusted, watched_fields
from driftlog.evaluate.proportions import two_proportion_p_value, wilson_interval

STUCK: Final = 0.99
_METHOD = "share of events; Wilson 95 %; p: two proportions, i.i.d."


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of a field's events: what is counted, out of what."""

    metric: str
    count: Callable[[FieldCounts], int]
    base: Callable[[FieldCounts], int]


def events_of(counts: FieldCounts) -> int:
    """Events of a field: with a usable value, malformed or missing."""
    return counts.present + counts.malformed + counts.missing


_SHARES: Final = (
    _Share("missing_share", lambda c: c.missing, events_of),
    _Share("malformed_share", lambda c: c.malformed, events_of),
    _Share("nonfinite_share", lambda c: c.nonfinite, events_of),
    _Share("unseen_share", lambda c: c.unseen, lambda c: c.present),
)


def quality_measurements(
    reference: Reference | None,
    current: PredictionProfile,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """Shares of missing, malformed, non-finite and unseen values, stuck features, range excess and the row count.

    ``missing_share``, ``malformed_share``, ``nonfinite_share``, ``unseen_share`` of each feature: stored where either
    side is not 0, each compared with the reference's as two proportions, p-values adjusted within each metric. This is
    the only place that measures them. ``dominant_share``: see `_dominant`. ``range_excess_sd``: how far values lie
    outside the reference's range, in its standard deviations, where they do. ``row_count_ratio``: events against the
    mean of the reference's chunks, where it has any.
    """
    if reference is not None and not context.reference_id:
        context = replace(context, reference_id=reference.id)
    families: dict[str, list[Measurement]] = {}
    for field, bins in watched_fields(binning, settings):
        if not field.startswith("features."):
            continue
        now = current.fields.get(field)
        if now is None:
            continue
        before = reference.predictions.fields.get(field) if reference is not None else None
        for share in _SHARES:
            if share.count(now) or (before is not None and share.count(before)):
                measured = _share(share, reference, before, now, field, settings, context)
                families.setdefault(share.metric, []).append(measured)
        families.setdefault("", []).extend(_shape(before, now, bins, field, settings, context))
    families.setdefault("", []).extend(_row_count(reference, current, context))
    return [m for family in families.values() for m in adjusted(family)]


def _share(
    share: _Share,
    reference: Reference | None,
    before: FieldCounts | None,
    now: FieldCounts,
    field: str,
    settings: ModelSettings,
    context: SeriesContext,
) -> Measurement:
    count, base = share.count(now), share.base(now)
    n_before = share.base(before) if before is not None else 0
    count_before = min(share.count(before), n_before) if before is not None else 0
    enough = base >= settings.min_rows
    count = min(count, base)
    low, high = wilson_interval(count, base)
    return context.measurement(
        share.metric,
        "quality",
        count / base if enough else None,
        field=field,
        lower=low if enough else None,
        upper=high if enough else None,
        p_value=two_proportion_p_value(count_before, n_before, count, base) if enough else None,
        reference_value=count_before / n_before if n_before else None,
        n_reference=n_before,
        n_current=base,
        chunks=_share_chunks(share, reference, field, settings),
        unit="share",
        method=_METHOD,
        details=dict(zip(("reference_lower", "reference_upper"), wilson_interval(count_before, n_before), strict=True))
        if n_before
        else {},
        marks=() if n_before else (MARK_NO_REFERENCE,),
        note="" if enough else f"fewer than {settings.min_rows} events",
    )


def _share_chunks(share: _Share, reference: Reference | None, field: str, settings: ModelSettings) -> Chunks | None:
    held = [
        counts
        for chunk in (reference.chunks if reference is not None else ())
        if (counts := chunk.predictions.fields.get(field)) is not None and share.base(counts) >= settings.min_rows
    ]
    if len(held) < 2:
        return None
    values = np.array([share.count(counts) / share.base(counts) for counts in held])
    return Chunks(k=len(held), mean=float(values.mean()), sd=float(values.std(ddof=1)))


def _shape(
    before: FieldCounts | None,
    now: FieldCounts,
    bins: FieldBins,
    field: str,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """Stuck features and range excess; only against a reference."""
    if before is None or now.present < settings.min_rows or not before.present:
        return []
    return [*_dominant(before, now, bins, field, context), *_range_excess(before, now, bins, field, context)]


def _dominant(
    before: FieldCounts, now: FieldCounts, bins: FieldBins, field: str, context: SeriesContext
) -> list[Measurement]:
    """``dominant_share`` of a feature that seems stuck: 99 % of its values in one bin that held less of the reference.

    The first and the last bin of a number are open: a warm summer lies wholly beyond the winter's last edge and is not
    stuck. There the spread of the values has to be below 1 % of the reference's as well. Unseen categories together
    count as one more bin, since their values are not kept apart.
    """
    counts = np.append(now.counts, now.unseen)
    n = int(counts.sum())
    largest = int(counts.argmax())
    in_reference = np.append(before.counts, before.unseen)
    share, share_before = counts[largest] / n, in_reference[largest] / in_reference.sum()
    if share < STUCK or share_before >= STUCK:
        return []
    if isinstance(bins, NumericBins) and largest in (0, bins.size - 1) and not _narrow(now, bins):
        return []
    low, high = wilson_interval(float(counts[largest]), n)
    if isinstance(bins, CategoricalBins):
        named = "a new value" if largest > len(bins.values) else "one of the rarer values"
        where = repr(bins.values[largest]) if largest < len(bins.values) else named
    else:
        where = f"{now.minimum:g}" if now.minimum is not None and now.minimum == now.maximum else "one bin"
    return [
        context.measurement(
            "dominant_share",
            "quality",
            float(share),
            field=field,
            lower=low,
            upper=high,
            reference_value=float(share_before),
            n_reference=int(in_reference.sum()),
            n_current=n,
            unit="share",
            method="largest share of one bin; Wilson 95 %",
            note=f"nearly all values are {where}",
        )
    ]


def _narrow(now: FieldCounts, bins: NumericBins) -> bool:
    """Whether the standard deviation is below 1 % of the reference's."""
    if now.minimum is not None and now.minimum == now.maximum:
        return True
    n = int(now.counts.sum())
    variance = now.squares / n - (now.total / n) ** 2
    return variance < (0.01 * bins.scale) ** 2


def _range_excess(
    before: FieldCounts, now: FieldCounts, bins: FieldBins, field: str, context: SeriesContext
) -> list[Measurement]:
    if not isinstance(bins, NumericBins) or bins.scale <= 0:
        return []
    if before.minimum is None or before.maximum is None or now.minimum is None or now.maximum is None:
        return []
    excess = max(before.minimum - now.minimum, now.maximum - before.maximum)
    if excess <= 0:
        return []
    return [
        context.measurement(
            "range_excess_sd",
            "quality",
            excess / bins.scale,
            field=field,
            reference_value=0.0,
            n_reference=before.present,
            n_current=now.present,
            unit="reference sd",
            method="farthest value outside the reference's range",
            details={"minimum": now.minimum, "maximum": now.maximum},
        )
    ]


def _row_count(reference: Reference | None, current: PredictionProfile, context: SeriesContext) -> list[Measurement]:
    rows = np.array([chunk.predictions.n for chunk in (reference.chunks if reference is not None else ())], dtype=float)
    if rows.size < 2 or rows.mean() <= 0:
        return []
    relative = rows / rows.mean()
    return [
        context.measurement(
            "row_count_ratio",
            "quality",
            current.n / rows.mean(),
            reference_value=1.0,
            n_reference=int(rows.sum()),
            n_current=current.n,
            chunks=Chunks(k=int(rows.size), mean=1.0, sd=float(relative.std(ddof=1))),
            method="events / mean of the reference's chunks",
        )
    ]
