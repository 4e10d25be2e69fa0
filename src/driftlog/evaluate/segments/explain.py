"""Why the whole changed: decompositions of drift and performance from the profiles of segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from driftlog.contract.alert import Decomposition
from driftlog.contract.binning import Binning, FieldBins, NumericBins
from driftlog.contract.measurement import SEVERITY, Measurement
from driftlog.contract.profile import OutcomeProfile, PredictionProfile, Reference, total
from driftlog.contract.segment import fields_of
from driftlog.evaluate.drift.merging import merge
from driftlog.evaluate.segments.decomposition import split_distributions, split_means

Counts = NDArray[np.int64]

WHOLE: Final = ""
OTHER: Final = "(other)"
DRIFT: Final = frozenset({"data_drift", "prediction_drift", "attribution_drift"})
MEANS: Final[Mapping[str, Callable[[OutcomeProfile], tuple[float, float]]]] = {
    "accuracy": lambda o: (
        float(sum(count for (actual, predicted), count in o.confusion.items() if actual == predicted)),
        float(sum(o.confusion.values())),
    ),
    "mae": lambda o: (o.absolute_error, float(o.valued)),
    "bias": lambda o: (o.error, float(o.valued)),
    "brier": lambda o: (o.brier, float(o.scored)),
    "log_loss": lambda o: (o.log_loss, float(o.scored)),
    "quantile_coverage": lambda o: (float(o.covered), float(o.valued)),
}
"""Metrics that are means over rows, as (sum, rows)."""


def explain(
    judged: Iterable[Measurement],
    reference: Reference,
    predictions: Mapping[str, PredictionProfile],
    outcomes: Mapping[str, Sequence[OutcomeProfile]],
    binning: Binning,
) -> dict[str, Decomposition]:
    """What segments say about the measurements in breach, by field (drift) or metric (performance).

    Parameters
    ----------
    judged
        Of one window; those of segments and those not in breach are passed over.
    reference
        With its `segments`; without them nothing is explained.
    predictions, outcomes
        Segment -> profiles of the window, with the whole under the empty name.

    Of several segmentations (segments that are conditions on the same fields) the one that explains the largest part by
    its mix is kept. A segmentation by the drifting field itself explains nothing.
    """
    groups: dict[tuple[str, ...], list[str]] = {}
    for name in reference.segments:
        groups.setdefault(tuple(fields_of([name])), []).append(name)
    found: dict[str, Decomposition] = {}
    for one in judged:
        if one.segment or SEVERITY[one.verdict] == 0 or one.value is None:
            continue
        key = one.field or one.metric
        if key in found:
            continue
        splits = [
            _split(one, reference, predictions, outcomes, binning, names)
            for by, names in groups.items()
            if one.field not in by
        ]
        known = [split for split in splits if split is not None]
        if known:
            found[key] = max(known, key=lambda split: (min(split.mix_share, 1.0), split.by))
    return found


def _split(
    one: Measurement,
    reference: Reference,
    predictions: Mapping[str, PredictionProfile],
    outcomes: Mapping[str, Sequence[OutcomeProfile]],
    binning: Binning,
    names: Sequence[str],
) -> Decomposition | None:
    wanted = (WHOLE, *names)
    if one.purpose in DRIFT and one.field in binning.fields:
        before = {WHOLE: reference.predictions} | {name: reference.segments[name].predictions for name in names}
        now = {name: predictions[name] for name in wanted if name in predictions}
        return decompose(before, now, one.field, binning.fields[one.field])
    if one.purpose == "performance" and not one.field:
        sums = {WHOLE: total(reference.outcomes)} | {name: total(reference.segments[name].outcomes) for name in names}
        of_window = {name: total(outcomes.get(name, ())) for name in wanted}
        return decompose_mean(
            {name: profile for name, profile in sums.items() if profile is not None},
            {name: profile for name, profile in of_window.items() if profile is not None},
            one.metric,
        )
    return None


def decompose(
    reference: Mapping[str, PredictionProfile], current: Mapping[str, PredictionProfile], field: str, bins: FieldBins
) -> Decomposition | None:
    """The drift of `field`, split by segments.

    Parameters
    ----------
    reference, current
        Segment -> profile. The segments must not overlap. With the whole under the empty name, what lies in none of
        them is a segment of its own, ``(other)``.

    Returns
    -------
    Decomposition
        Numbers on at most 10 bins, since the 100 bins of a small segment are mostly noise; categories as they are, so
        that `total` is the judged total variation. `total`, `mix` and `within` are total variations of the vectors of
        `driftlog.evaluate.segments.decomposition`. `largest` projects the segments' terms on the sign of the whole
        difference; these contributions add up to `total` exactly.
        None where a side has no rows of the field.
    """
    before, now = _counts(reference, field, bins), _counts(current, field, bins)
    names = sorted({*before, *now})
    if not names:
        return None
    f = np.stack([before.get(name, np.zeros(bins.size, dtype=np.int64)) for name in names])
    g = np.stack([now.get(name, np.zeros(bins.size, dtype=np.int64)) for name in names])
    if not f.sum() or not g.sum():
        return None
    f, g = _merged(f, g, bins)
    return split_distributions(
        dict(zip(names, f, strict=True)), dict(zip(names, g, strict=True)), name=field, by=_by(names)
    )


def decompose_mean(
    reference: Mapping[str, OutcomeProfile], current: Mapping[str, OutcomeProfile], metric: str
) -> Decomposition | None:
    """The change of a metric that is a mean (`MEANS`), split by segments; None for other metrics and without rows.

    `total`, `mix` and `within` are signed and ``mix + within = total``. Segments as in `decompose`.
    """
    if metric not in MEANS:
        return None
    before, now = ({name: MEANS[metric](one) for name, one in side.items()} for side in (reference, current))
    before, now = _rest_of_means(before), _rest_of_means(now)
    names = sorted({*before, *now})
    sums = np.array([[side.get(name, (0.0, 0.0)) for name in names] for side in (before, now)], dtype=np.float64)
    if not names or not np.isfinite(sums).all() or not (sums[:, :, 1].sum(axis=1) > 0).all():
        return None
    return split_means(
        {n: (float(s), float(r)) for n, (s, r) in zip(names, sums[0], strict=True)},
        {n: (float(s), float(r)) for n, (s, r) in zip(names, sums[1], strict=True)},
        name=metric,
        by=_by(names),
    )


def _by(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(fields_of(name for name in names if name != OTHER))


def _counts(profiles: Mapping[str, PredictionProfile], field: str, bins: FieldBins) -> dict[str, NDArray[np.int64]]:
    zero = np.zeros(bins.size, dtype=np.int64)
    counts = {
        name: profile.fields[field].counts if field in profile.fields else zero for name, profile in profiles.items()
    }
    whole = counts.pop(WHOLE, None)
    if whole is not None:
        rest = np.maximum(whole - sum(counts.values(), start=zero), 0)
        if rest.sum():
            counts[OTHER] = rest
    return counts


def _rest_of_means(sums: dict[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    whole = sums.pop(WHOLE, None)
    if whole is not None:
        rest = tuple(whole[i] - sum(each[i] for each in sums.values()) for i in (0, 1))
        if rest[1] > 0.5:
            sums[OTHER] = (rest[0], rest[1])
    return sums


def _merged(f: Counts, g: Counts, bins: FieldBins) -> tuple[Counts, Counts]:
    """Numbers on at most 10 bins, the same for all segments and both sides."""
    if not isinstance(bins, NumericBins):
        return f, g
    groups = np.asarray(bins.coarse, dtype=np.int64)
    return merge(f, groups), merge(g, groups)
