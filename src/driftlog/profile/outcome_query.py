"""Outcome profiles of a bucket and its segments: the search bodies, and the parser of their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import OutcomeProfile, ProfileKey
from driftlog.profile.binning import LABEL, SCORE
from driftlog.profile.count import value_shift
from driftlog.profile.layout import class_bins, split_labels, two_labels
from driftlog.profile.packing import Part, answered, pack
from driftlog.profile.query import counts_of, ranges
from driftlog.profile.scope import of_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

LABELS: Final = 150
"""Actual labels, and predicted labels of each, in a confusion matrix; 150 * 150 stays below 65,536 buckets."""
SPARE_LABELS: Final = 8
"""Labels beyond the reference's that a confusion matrix has room for."""
UNKNOWN_LABELS: Final = 32
"""Labels of a model whose reference has none."""
PAIRED_LABELS: Final = 4
"""Labels, actual and predicted, whose scores are counted by pairs."""
SUMS, CELLS, CLASS, RIGHT = "sums", "cells", "class:", "right:"
"""What is counted together: sums and confusion matrix, scores by cell, probabilities of a class, scores of a label."""
_ROW_SUMS: Final = ("error", "absolute_error", "squared_error")

Body = dict[str, Any]


def outcome_queries(binning: Binning, key: ProfileKey) -> list[Body]:
    """The search bodies that count a bucket's outcomes, its segments included: one, unless the model is too wide."""
    return [outcome_query(binning, key, part) for part in split_outcomes(binning, key)]


def split_outcomes(binning: Binning, key: ProfileKey) -> list[Part]:
    """The searches of one bucket's outcomes, in parts of at most 50,000 buckets."""
    bins = binning.fields.get(SCORE)
    costs = {SUMS: _matrix_labels(binning) * (_matrix_labels(binning) + 1) + 30}
    if isinstance(bins, NumericBins) and two_labels(binning):
        costs[CELLS] = PAIRED_LABELS * (1 + PAIRED_LABELS * (bins.size + 1))
    elif isinstance(bins, NumericBins):
        costs |= {RIGHT + label: 2 * bins.size + 4 for label in split_labels(binning)}
    costs |= {CLASS + name: 2 * each.size + 4 for name, each in class_bins(binning).items()}
    return pack(costs, binning.segments if not key.segment else ())


def _matrix_labels(binning: Binning) -> int:
    bins = binning.fields.get(LABEL)
    if isinstance(bins, CategoricalBins):
        return min(LABELS, len(bins.values) + SPARE_LABELS)
    return UNKNOWN_LABELS if binning.segments else LABELS


def outcome_query(binning: Binning, key: ProfileKey, part: Part | None = None) -> Body:
    """One search body that counts a bucket's outcomes.

    ::

        {"size": 0, "track_total_hits": true,
         "query": {"bool": {"filter": [{"term": {"model.name": "churn"}}, {"range": {"@timestamp": {...}}}, ...]}},
         "aggs": {
            "actual": {"terms": {"field": "outcome.actual", "size": 10},
                       "aggs": {"predicted": {"terms": {"field": "outcome.predicted", "size": 10, "missing": ""}}}},
            "scored": {"filter": {"exists": {"field": "outcome.log_loss"}},
                       "aggs": {"log_loss": {"sum": {"field": "outcome.log_loss"}},
                                "squared_error": {"sum": {"field": "outcome.squared_error"}}}},
            "valued": {"filter": {"exists": {"field": "outcome.error"}},
                       "aggs": {"error": {"sum": ...}, "absolute_error": {"sum": ...}, "squared_error": {"sum": ...},
                                "actual": {"extended_stats": {"field": "outcome.actual_value"}},
                                "covered": {"filter": {"range": {"outcome.error": {"gte": 0.0}}}}}},
            "relative": {"filter": {"exists": {"field": "outcome.relative_error"}}, "aggs": {"total": {"sum": ...}}},
            "delay_s": {"sum": {"field": "outcome.delay_s"}},
            "cells": {"terms": {"field": "outcome.actual", "size": 4},
                      "aggs": {"predicted": {"terms": {"field": "outcome.predicted", "size": 4, "missing": ""},
                                             "aggs": {"score": {"range": {"field": "outcome.score", ...}}}}}},
            "segments": {"filters": {"filters": {"0": {"term": {"outcome.segments": "features.carrier=UA"}}}},
                         "aggs": {"actual": {...}, ...}}}}

    Models of more than two labels have, instead of ``cells``, for each predicted label and each class::

            "r0": {"filter": {"term": {"outcome.predicted": "cat"}},
                   "aggs": {"right": {"filter": {"term": {"outcome.correct": true}}, "aggs": {"score": {"range": ...}}},
                            "score": {"range": {"field": "outcome.score", "ranges": [...]}}}},
            "c0": {"filter": {"exists": {"field": "outcome.actual"}},
                   "aggs": {"own": {"filter": {"term": {"outcome.actual": "cat"}}, "aggs": {"p": {"range": ...}}},
                            "p": {"range": {"field": "outcome.probabilities.cat", "ranges": [...]}}}}

    Parameters
    ----------
    part
        What it counts; by default everything, of all outcomes and of all segments.
    """
    if part is None:
        items = tuple(name for each in split_outcomes(binning, key) for name in each.items)
        part = Part(tuple(dict.fromkeys(items)), binning.segments if not key.segment else ())
    scope = key if not key.segment else replace(key, segment="")
    query = of_key(scope)
    query["bool"]["filter"].insert(0, {"term": {"model.name": key.model}})
    if key.segment:
        query["bool"]["filter"].append(_tagged(key.segment))
    aggs: Body = {}
    for position, name in enumerate(part.items):
        aggs |= _item_aggs(position, name, binning)
    wanted = dict(aggs) if part.whole else {}
    if part.segments:
        filters = {str(at): _tagged(name) for at, name in enumerate(part.segments)}
        wanted["segments"] = {"filters": {"filters": filters}, "aggs": aggs}
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": wanted}


def _tagged(segment: str) -> Body:
    return {"term": {"outcome.segments": segment}}


def _item_aggs(position: int, name: str, binning: Binning) -> Body:
    if name == SUMS:
        return _sums(_matrix_labels(binning))
    bins = binning.fields.get(SCORE)
    if name.startswith(CLASS):
        label = name.removeprefix(CLASS)
        field = {"field": f"outcome.probabilities.{label}", "ranges": ranges(class_bins(binning)[label].edges)}
        own = {"filter": {"term": {"outcome.actual": label}}, "aggs": {"p": {"range": field}}}
        known = {"filter": {"exists": {"field": "outcome.actual"}}}
        return {f"c{position}": known | {"aggs": {"own": own, "p": {"range": field}}}}
    assert isinstance(bins, NumericBins)  # noqa: S101 - only then are scores asked for
    score = {"score": {"range": {"field": "outcome.score", "ranges": ranges(bins.edges)}}}
    if name == CELLS:
        return {"cells": _matrix(PAIRED_LABELS, score)}
    right = {"filter": {"term": {"outcome.correct": True}}, "aggs": score}
    of_label = {"filter": {"term": {"outcome.predicted": name.removeprefix(RIGHT)}}}
    return {f"r{position}": of_label | {"aggs": {"right": right, **score}}}


def _matrix(size: int, inner: Body | None = None) -> Body:
    predicted: Body = {"terms": {"field": "outcome.predicted", "size": size, "missing": ""}}
    if inner:
        predicted["aggs"] = inner
    return {"terms": {"field": "outcome.actual", "size": size}, "aggs": {"predicted": predicted}}


def _sums(labels: int) -> Body:
    return {
        "actual": _matrix(labels),
        "scored": {
            "filter": {"exists": {"field": "outcome.log_loss"}},
            "aggs": {name: {"sum": {"field": f"outcome.{name}"}} for name in ("log_loss", "squared_error")},
        },
        "valued": {
            "filter": {"exists": {"field": "outcome.error"}},
            "aggs": {name: {"sum": {"field": f"outcome.{name}"}} for name in _ROW_SUMS}
            | {
                "actual": {"extended_stats": {"field": "outcome.actual_value"}},
                "covered": {"filter": {"range": {"outcome.error": {"gte": 0.0}}}},
            },
        },
        "relative": {
            "filter": {"exists": {"field": "outcome.relative_error"}},
            "aggs": {"total": {"sum": {"field": "outcome.relative_error"}}},
        },
        "delay_s": {"sum": {"field": "outcome.delay_s"}},
    }


def parse_outcomes(answers: Body | Sequence[Body], binning: Binning, key: ProfileKey) -> OutcomeProfile:
    """The profile of all of a bucket's outcomes; see `parse_outcome_segments`."""
    return parse_outcome_segments(answers, binning, key, only=("",))[""]


def parse_outcome_segments(
    answers: Body | Sequence[Body], binning: Binning, key: ProfileKey, *, only: Sequence[str] | None = None
) -> dict[str, OutcomeProfile]:
    """Profiles of a bucket's outcomes, ``""``, and of each segment, from the answers to `outcome_queries`, in order.

    Parameters
    ----------
    only
        Parse these segments only.
    """
    parts = split_outcomes(binning, key)
    responses = [answers] if isinstance(answers, Mapping) else list(answers)
    if len(responses) != len(parts):
        raise ValueError(f"{len(responses)} answers to {len(parts)} searches")
    profiles: dict[str, OutcomeProfile] = {}
    for name in only if only is not None else ("", *(binning.segments if not key.segment else ())):
        found: dict[str, tuple[int, Body]] = {}
        n, sums = 0, Body()
        for part, response in zip(parts, responses, strict=True):
            for events, aggs in answered(part, response, name):
                found |= {item: (position, aggs) for position, item in enumerate(part.items)}
                if SUMS in part.items:
                    n, sums = events, aggs
        profiles[name] = _profile(n, sums, found, binning, replace(key, segment=name or key.segment))
    return profiles


def _profile(
    n: int, sums: Body, found: Mapping[str, tuple[int, Body]], binning: Binning, key: ProfileKey
) -> OutcomeProfile:
    shift = value_shift(binning)
    if "actual" not in sums:
        return OutcomeProfile(key=key, n=n, actual_shift=shift)
    positive, negative = _by_class(found, binning)
    valued = sums["valued"]
    values, total = valued["doc_count"], valued["actual"]["sum"] or 0.0
    squares = valued["actual"]["sum_of_squares"] or 0.0
    centred = squares - 2 * shift * total + values * shift * shift
    return OutcomeProfile(
        key=key,
        n=n,
        confusion={pair: cell["doc_count"] for pair, cell in _cells(sums["actual"])},
        score=_scores(found, binning),
        scored=sums["scored"]["doc_count"],
        log_loss=sums["scored"]["log_loss"]["value"],
        brier=sums["scored"]["squared_error"]["value"],
        valued=values,
        error=valued["error"]["value"],
        absolute_error=valued["absolute_error"]["value"],
        squared_error=valued["squared_error"]["value"],
        actual_shift=shift,
        actual_total=total - values * shift,
        actual_squares=max(0.0, centred),
        delay_s=sums["delay_s"]["value"],
        covered=valued["covered"]["doc_count"],
        relative=sums["relative"]["doc_count"],
        relative_error=sums["relative"]["total"]["value"],
        class_positive=positive,
        class_negative=negative,
    )


def _cells(matrix: Body) -> list[tuple[tuple[str, str], Body]]:
    return [
        ((actual["key"], predicted["key"]), predicted)
        for actual in matrix["buckets"]
        for predicted in actual["predicted"]["buckets"]
    ]


def _scores(found: Mapping[str, tuple[int, Body]], binning: Binning) -> dict[tuple[str, str], Counts]:
    scores: dict[tuple[str, str], Counts] = {}
    bins = binning.fields.get(SCORE)
    for item, (position, aggs) in found.items():
        if bins is None:
            continue
        if item == CELLS:
            scores |= {pair: counts_of(cell["score"], bins.size) for pair, cell in _cells(aggs["cells"])}
        elif item.startswith(RIGHT):
            label, answer = item.removeprefix(RIGHT), aggs[f"r{position}"]
            right = counts_of(answer["right"]["score"], bins.size)
            wrong = counts_of(answer["score"], bins.size) - right
            scores |= {(name, label): counts for name, counts in ((label, right), ("", wrong)) if counts.any()}
    return scores


def _by_class(found: Mapping[str, tuple[int, Body]], binning: Binning) -> tuple[dict[str, Counts], dict[str, Counts]]:
    positive: dict[str, Counts] = {}
    negative: dict[str, Counts] = {}
    for name, bins in class_bins(binning).items():
        if CLASS + name not in found:
            continue
        position, aggs = found[CLASS + name]
        own = counts_of(aggs[f"c{position}"]["own"]["p"], bins.size)
        others = counts_of(aggs[f"c{position}"]["p"], bins.size) - own
        for counted, counts in ((positive, own), (negative, others)):
            if counts.any():
                counted[name] = counts
    return positive, negative
