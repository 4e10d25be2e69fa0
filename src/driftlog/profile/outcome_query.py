"""Outcome profiles of a bucket: the search body, and the parser of its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.profile import OutcomeProfile, ProfileKey
from driftlog.profile.binning import SCORE
from driftlog.profile.count import value_shift
from driftlog.profile.layout import split_labels
from driftlog.profile.packing import hits
from driftlog.profile.query import counts_of, ranges
from driftlog.profile.scope import of_key

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Counts = NDArray[np.int64]

LABELS: Final = 150
"""Actual labels, and predicted labels of each, in a confusion matrix; 150 * 150 stays below 65,536 buckets."""

Body = dict[str, Any]


def outcome_query(binning: Binning, key: ProfileKey) -> Body:
    """The search body that counts a bucket's outcomes.

    ::

        {"size": 0, "track_total_hits": true,
         "query": {"bool": {"filter": [{"term": {"model.name": "churn"}}, {"range": {"@timestamp": {...}}}, ...]}},
         "aggs": {
            "actual": {"terms": {"field": "outcome.actual", "size": 150},
                       "aggs": {"predicted": {"terms": {"field": "outcome.predicted", "size": 150, "missing": ""},
                                "aggs": {"score": {"range": {"field": "outcome.score", "ranges": [...]}}}}}},
            "scored": {"filter": {"exists": {"field": "outcome.log_loss"}},
                       "aggs": {"log_loss": {"sum": {"field": "outcome.log_loss"}},
                                "squared_error": {"sum": {"field": "outcome.squared_error"}}}},
            "valued": {"filter": {"exists": {"field": "outcome.error"}},
                       "aggs": {"error": {"sum": ...}, "absolute_error": {"sum": ...}, "squared_error": {"sum": ...},
                                "actual": {"extended_stats": {"field": "outcome.actual_value"}}}},
            "delay_s": {"sum": {"field": "outcome.delay_s"}}}}

    Score histograms are counted where the model has two labels at most.
    """
    query = of_key(key)
    query["bool"]["filter"].insert(0, {"term": {"model.name": key.model}})
    bins = binning.fields.get(SCORE)
    predicted: Body = {"terms": {"field": "outcome.predicted", "size": LABELS, "missing": ""}}
    if isinstance(bins, NumericBins) and len(split_labels(binning)) <= 2:
        predicted["terms"]["size"] = 20
        predicted["aggs"] = {"score": {"range": {"field": "outcome.score", "ranges": ranges(bins.edges)}}}
    labels = {"field": "outcome.actual", "size": 10 if "aggs" in predicted else LABELS}
    sums = ("error", "absolute_error", "squared_error")
    aggs: Body = {
        "actual": {"terms": labels, "aggs": {"predicted": predicted}},
        "scored": {
            "filter": {"exists": {"field": "outcome.log_loss"}},
            "aggs": {name: {"sum": {"field": f"outcome.{name}"}} for name in ("log_loss", "squared_error")},
        },
        "valued": {
            "filter": {"exists": {"field": "outcome.error"}},
            "aggs": {name: {"sum": {"field": f"outcome.{name}"}} for name in sums}
            | {"actual": {"extended_stats": {"field": "outcome.actual_value"}}},
        },
        "delay_s": {"sum": {"field": "outcome.delay_s"}},
    }
    return {"size": 0, "track_total_hits": True, "query": query, "aggs": aggs}


def parse_outcomes(response: Body, binning: Binning, key: ProfileKey) -> OutcomeProfile:
    """The profile of a bucket's outcomes from the answer to `outcome_query`."""
    aggs = response.get("aggregations")
    shift = value_shift(binning)
    if not aggs:
        return OutcomeProfile(key=key, n=hits(response), actual_shift=shift)
    confusion: dict[tuple[str, str], int] = {}
    score: dict[tuple[str, str], Counts] = {}
    for actual in aggs["actual"]["buckets"]:
        for predicted in actual["predicted"]["buckets"]:
            pair = (actual["key"], predicted["key"])
            confusion[pair] = predicted["doc_count"]
            if "score" in predicted:
                score[pair] = counts_of(predicted["score"], binning.fields[SCORE].size)
    scored, valued = aggs["scored"], aggs["valued"]
    n, total = valued["doc_count"], valued["actual"]["sum"] or 0.0
    squares = valued["actual"]["sum_of_squares"] or 0.0
    centred = squares - 2 * shift * total + n * shift * shift
    return OutcomeProfile(
        key=key,
        n=hits(response),
        confusion=confusion,
        score=score,
        scored=scored["doc_count"],
        log_loss=scored["log_loss"]["value"],
        brier=scored["squared_error"]["value"],
        valued=n,
        error=valued["error"]["value"],
        absolute_error=valued["absolute_error"]["value"],
        squared_error=valued["squared_error"]["value"],
        actual_shift=shift,
        actual_total=total - n * shift,
        actual_squares=max(0.0, centred),
        delay_s=aggs["delay_s"]["value"],
    )
