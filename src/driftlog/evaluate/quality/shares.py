"""Shares of a feature's events that are missing, malformed, not finite or unseen, against the reference's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from driftlog.contract.measurement import MARK_NO_REFERENCE, Chunks, Measurement
from driftlog.contract.profile import FieldCounts, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.proportions import two_proportion_p_value, wilson_interval

_METHOD = "share of events; Wilson 95 %; p: two proportions, i.i.d."


@dataclass(frozen=True, slots=True)
class Share:
    """A share of a field's events: what is counted, out of what."""

    metric: str
    count: Callable[[FieldCounts], int]
    base: Callable[[FieldCounts], int]


def events_of(counts: FieldCounts) -> int:
    """Events of a field: with a usable value, malformed or missing."""
    return counts.present + counts.malformed + counts.missing


SHARES: Final = (
    Share("missing_share", lambda c: c.missing, events_of),
    Share("malformed_share", lambda c: c.malformed, events_of),
    Share("nonfinite_share", lambda c: c.nonfinite, events_of),
    Share("unseen_share", lambda c: c.unseen, lambda c: c.present),
)


def share_measurement(
    share: Share,
    reference: Reference | None,
    before: FieldCounts | None,
    now: FieldCounts,
    field: str,
    settings: ModelSettings,
    context: SeriesContext,
) -> Measurement:
    """One share of one field, beside the reference's and its chunks'; fewer than `min_rows` events give None."""
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
        chunks=_chunks(share, reference, field, settings),
        unit="share",
        method=_METHOD,
        details=dict(zip(("reference_lower", "reference_upper"), wilson_interval(count_before, n_before), strict=True))
        if n_before
        else {},
        marks=() if n_before else (MARK_NO_REFERENCE,),
        note="" if enough else f"fewer than {settings.min_rows} events",
    )


def _chunks(share: Share, reference: Reference | None, field: str, settings: ModelSettings) -> Chunks | None:
    held = [
        counts
        for chunk in (reference.chunks if reference is not None else ())
        if (counts := chunk.predictions.fields.get(field)) is not None and share.base(counts) >= settings.min_rows
    ]
    if len(held) < 2:
        return None
    values = np.array([share.count(counts) / share.base(counts) for counts in held])
    return Chunks(k=len(held), mean=float(values.mean()), sd=float(values.std(ddof=1)))
