"""The weakest segments: ranked by what is certain, so that a handful of unlucky rows does not come first."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from scipy import special

from driftlog.contract.events import Task
from driftlog.contract.measurement import MARK_IMMATURE, MARK_INTEGRITY, Measurement
from driftlog.contract.segment import SegmentRank, fields_of
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import DAY
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS
from driftlog.evaluate.multiple_testing import holm
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS

LEVEL: Final = 0.05
RANKED: Final[Mapping[Task, tuple[str, ...]]] = {
    "binary": ("accuracy", "roc_auc"),
    "multiclass": ("accuracy",),
    "regression": ("mae",),
}
"""Performance metrics that segments are ranked by, unless others are named."""
DRIFT: Final = ("data_drift", "prediction_drift", "target_drift", "attribution_drift")
_Z975: Final = 1.959963984540054


@dataclass(frozen=True, slots=True)
class _Candidate:
    """One measurement of a segment as a test: `gap / scale` is Student's t with `freedom` where nothing is wrong.

    For drift, with `size` the root mean square of the usual effects, `(gap + usual) / size` is at most a folded one.
    """

    measurement: Measurement
    usual: float
    gap: float
    scale: float
    freedom: float
    p_value: float
    size: float = 0.0

    def lower(self, tests: int) -> float:
        certain = self.gap - _quantile(1 - LEVEL / tests, self.freedom) * self.scale
        if self.size <= 0:
            return certain
        return min(certain, self.gap + self.usual - _quantile(1 - LEVEL / tests / 2, self.freedom + 1) * self.size)


def rank_segments(
    measurements: Iterable[Measurement], settings: ModelSettings, *, metrics: Sequence[str] = ()
) -> list[SegmentRank]:
    """Segments of one window, the weakest first: those of performance, then those of drift.

    Parameters
    ----------
    measurements
        Of the whole model (segment empty) and of its segments. Segments with fewer than `min_segment_rows` rows are not
        ranked, nor is what is immature or of a window whose pipeline was at fault.
    metrics
        Performance metrics to look at; none: accuracy and ROC AUC, accuracy, or MAE, by the model's task.

    Performance: the gap is the difference from the whole model, positive where the segment is worse. The whole holds
    the segment's own rows, a share w of them, so the gap's standard error is ``se sqrt(1 - w)``, se from the segment's
    95 % interval (Student's t with days - 1 degrees of freedom where that is clustered by day), or from 8 or more of
    the segment's own reference chunks where they vary more: a window of one day cannot tell a weak segment from a bad
    day. Accuracy is tested exactly as well (binomial, rows taken as independent), and the larger p-value counts.
    Drift: the gap is the judged measure's effect beyond the mean of the reference's chunks. The largest of three
    p-values counts: Student's t with the chunks' standard deviation and k - 1 degrees of freedom; since effects are
    absolute differences, with a longer tail than that, the folded t with k degrees of freedom of the effect over the
    chunks' root mean square; and the i.i.d. one. Without chunks it is the i.i.d. one alone. The fields that make a
    segment are left out.

    A segment stands for itself by the candidate with the smallest p-value, times the number of candidates; Holm's
    method adjusts over the segments, which may overlap. The order is that of `lower`, the gap's lower confidence bound
    at a level of 5 % over all segments and candidates: a small segment needs a large gap. Ties: the larger gap, then
    the name.

    Source: Holm 1979.
    """
    usable = [
        m
        for m in measurements
        if m.value is not None and math.isfinite(m.value) and not {MARK_IMMATURE, MARK_INTEGRITY}.intersection(m.marks)
    ]
    wanted = tuple(metrics) or RANKED[settings.task]
    whole = {m.metric: m for m in usable if m.purpose == "performance" and not m.segment and not m.field}
    parts = [m for m in usable if m.segment and m.n_current >= settings.min_segment_rows]
    performance = [
        _performance(m, whole[m.metric])
        for m in parts
        if m.purpose == "performance" and not m.field and m.metric in wanted and m.metric in whole
    ]
    drift = [_drift(m) for m in parts if m.purpose in DRIFT and m.metric in settings.drift_measures]
    return [*_ranked(performance), *_ranked(drift)]


def _performance(part: Measurement, whole: Measurement) -> _Candidate | None:
    worse = PERFORMANCE_METRICS[part.metric].worse if part.metric in PERFORMANCE_METRICS else ""
    near = part.upper if worse == "below" else part.lower
    if not worse or near is None or part.value is None or whole.value is None:
        return None
    gap = (whole.value - part.value) * (1.0 if worse == "below" else -1.0)
    clustered = "clustered by day" in part.method
    freedom = max(1.0, round(part.window.length / DAY) - 1.0) if clustered else math.inf
    share = min(part.n_current / whole.n_current, 1.0) if whole.n_current else 0.0
    scale = abs(near - part.value) / _quantile(0.975, freedom)
    chunks = part.chunks
    if chunks is not None and chunks.k >= FEWEST_CHUNKS and chunks.sd * math.sqrt(1 + 1 / chunks.k) > scale:
        scale, freedom = chunks.sd * math.sqrt(1 + 1 / chunks.k), chunks.k - 1.0
    scale *= math.sqrt(1 - share)
    p_value = _tail(gap, scale, freedom)
    if part.metric == "accuracy" and gap > 0:
        p_value = max(p_value, _binomial(part.n_current, part.value, whole.value))
    return _Candidate(part, whole.value, gap, scale, freedom, p_value)


def _binomial(n: int, share: float, expected: float) -> float:
    """Probability of so few right predictions or fewer where `expected` are right."""
    return float(special.bdtr(round(n * share), n, min(max(expected, 0.0), 1.0)))


def _drift(part: Measurement) -> _Candidate | None:
    if part.value is None or part.field in fields_of([part.segment]):
        return None
    chunks = part.chunks
    if chunks is not None and chunks.k >= 2 and math.isfinite(chunks.sd):
        scale = chunks.sd * math.sqrt(1 + 1 / chunks.k)
        gap, freedom = part.value - chunks.mean, chunks.k - 1.0
        size = math.sqrt((chunks.mean**2 + chunks.sd**2 * freedom / chunks.k) * (1 + 1 / chunks.k))
        folded = min(1.0, 2 * _tail(part.value, size, freedom + 1))
        p_value = max(_tail(gap, scale, freedom), folded, part.p_value or 0.0)
        return _Candidate(part, chunks.mean, gap, scale, freedom, p_value, size)
    if part.p_value is None or part.n_reference <= 0:
        return None
    return _Candidate(part, 0.0, part.value, _sampling(part), math.inf, part.p_value)


def _sampling(part: Measurement) -> float:
    """A generous standard deviation of an effect between 0 and 1 by sampling alone."""
    return math.sqrt(1 / max(part.n_reference, 1) + 1 / max(part.n_current, 1)) * 1.36 / _Z975


def _tail(gap: float, scale: float, freedom: float) -> float:
    if scale <= 0:
        return 0.0 if gap > 0 else 1.0
    x = -gap / scale
    return float(special.ndtr(x) if math.isinf(freedom) else special.stdtr(freedom, x))


def _quantile(level: float, freedom: float) -> float:
    return float(special.ndtri(level) if math.isinf(freedom) else special.stdtrit(freedom, level))


def _ranked(found: Sequence[_Candidate | None]) -> list[SegmentRank]:
    by_segment: dict[str, list[_Candidate]] = {}
    for one in found:
        if one is not None:
            by_segment.setdefault(one.measurement.segment, []).append(one)
    tests = sum(len(several) for several in by_segment.values())
    ranks = [_rank(several, tests) for several in by_segment.values()]
    adjusted = holm([rank.p_value for rank in ranks]) if ranks else []
    ranks = [
        msgspec.structs.replace(rank, p_adjusted=p, weak=p <= LEVEL) for rank, p in zip(ranks, adjusted, strict=True)
    ]
    return sorted(ranks, key=lambda rank: (-rank.lower, -rank.gap, rank.segment))


def _rank(several: Sequence[_Candidate], tests: int) -> SegmentRank:
    best = min(several, key=lambda one: (one.p_value, -one.lower(tests), one.measurement.metric, one.measurement.field))
    m = best.measurement
    p_value = min(1.0, best.p_value * len(several))
    return SegmentRank(
        segment=m.segment,
        purpose=m.purpose,
        metric=m.metric,
        field=m.field,
        value=m.value or 0.0,
        usual=best.usual,
        gap=best.gap,
        lower=best.lower(tests),
        p_value=p_value,
        p_adjusted=p_value,
        n=m.n_current,
    )
