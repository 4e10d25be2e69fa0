"""Predictions to be labelled: drawn at random, or in order of certainty, a bounded number of documents read."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import SURVEY
from driftlog.contract.window import Window
from driftlog.profile.outcomes import outcome_id
from driftlog.profile.sample import chance
from driftlog.profile.scope import during, in_environment, in_segment
from driftlog.store.client import Store

CANDIDATES: Final = 10_000
"""Documents that one draw looks at, at most."""
IDS: Final = 500
POOL: Final = 5
"""Of several classes, so many times the wanted number are compared by their entropy."""
_ROW: Final = ("@timestamp", "service.environment", "model", "features", "prediction")

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Draw:
    """Predictions without label, drawn at random.

    Attributes
    ----------
    ids
        Those drawn.
    probability
        With which each prediction without label was to be drawn: documents looked at / documents there are.
    """

    ids: tuple[str, ...] = ()
    probability: float = 0.0


@dataclass(frozen=True)
class Unlabelled:
    """The predictions of a window that answered, of which those without label are wanted.

    A label is a truth from anywhere but a user's form: that is a claim, and worth checking.
    """

    store: Store
    settings: ModelSettings
    window: Window
    counted: dict[str, int] = field(default_factory=dict)

    def filters(self) -> list[Document]:
        answered = [{"exists": {"field": f"prediction.{name}"}} for name in ("label", "score", "value")]
        return [
            during(self.window),
            *in_environment(self.settings.environment),
            {"bool": {"should": answered, "minimum_should_match": 1}},
        ]

    @property
    def pattern(self) -> str:
        return self.store.names.all_predictions(self.settings.name)

    def count(self, within: Sequence[Document] = ()) -> int:
        """Predictions, labelled or not."""
        return self.store.count(self.pattern, {"bool": {"filter": [*self.filters(), *within]}})

    def labelled_share(self) -> float:
        """About how many of them have a label: what has been joined."""
        n = self.count()
        filters = [
            during(self.window),
            {"term": {"model.name": self.settings.name}},
            *in_environment(self.settings.environment),
        ]
        query = {"bool": {"filter": filters, "must_not": [{"term": {"outcome.source": SURVEY}}]}}
        return min(1.0, self.store.count(self.store.names.every("outcomes"), query) / n) if n else 0.0

    def draw(self, wanted: int, *, seed: int, labelled: float, within: Sequence[Document] = ()) -> Draw:
        """About `wanted` predictions without label, by simple random sampling without replacement.

        ::

            {"query": {"function_score": {"query": {...}, "random_score": {"seed": 1, "field": "_seq_no"},
                                          "boost_mode": "replace"}}, "size": 250, "_source": false}

        So many documents are looked at that the wanted number of them has no label, given the share `labelled`; how
        many really have none is left to chance. So the probability is exact: it does not depend on what was found.
        """
        n = self.count(within)
        look = min(n, CANDIDATES, math.ceil(wanted / max(1 - labelled, 0.01)))
        if look <= 0:
            return Draw()
        query = {"bool": {"filter": [*self.filters(), *within]}}
        body = {"query": {"function_score": {"query": query, **chance(seed)}}, "size": look, "_source": False}
        hits = self.store.search(self.pattern, body | {"track_total_hits": False})["hits"]["hits"]
        return Draw(tuple(self._without_label([hit["_id"] for hit in hits])), look / n)

    def least_certain(self, wanted: int) -> list[str]:
        """The `wanted` predictions without label of which the model is least certain; none where it has no scores.

        Binary: the scores nearest to the threshold, from both sides in order. Of several classes: the lowest scores of
        the predicted class, of five times the number, by the entropy of the probabilities. The same on every call;
        nothing is left to chance.
        """
        if self.settings.task == "binary":
            return list(islice(self._unlabelled(self._near_threshold()), wanted))
        if self.settings.task != "multiclass":
            return []
        hits = self._scored({}, "asc", source=["prediction.probabilities"])
        known: dict[str, Mapping[str, Any]] = {}

        def noted() -> Iterator[str]:
            for hit in hits:
                known[hit["_id"]] = hit["_source"].get("prediction", {}).get("probabilities") or {}
                yield hit["_id"]

        pool = list(islice(self._unlabelled(noted()), POOL * wanted))
        return sorted(pool, key=lambda id: -entropy(known[id]))[:wanted]

    def _near_threshold(self) -> Iterator[str]:
        threshold = self.settings.decision_threshold
        above = self._scored({"gte": threshold}, "asc")
        below = self._scored({"lt": threshold}, "desc")
        merged = heapq.merge(above, below, key=lambda hit: abs(float(hit["sort"][0]) - threshold))
        return (hit["_id"] for hit in merged)

    def _scored(self, limits: Document, order: str, *, source: Any = False) -> Iterator[Document]:
        score = {"range": {"prediction.score": limits}} if limits else {"exists": {"field": "prediction.score"}}
        hits = self.store.scan(
            self.pattern,
            {"bool": {"filter": [*self.filters(), score]}},
            sort=[{"prediction.score": {"order": order}}, {"@timestamp": {"order": "asc"}}],
            source=source,
            size=IDS,
        )
        return islice(hits, CANDIDATES)

    def _unlabelled(self, ids: Iterator[str]) -> Iterator[str]:
        while page := list(islice(ids, IDS)):
            yield from self._without_label(page)

    def _without_label(self, ids: Sequence[str]) -> list[str]:
        """Those of `ids` that have no truth: neither joined, nor sent and not yet joined."""
        labelled: set[str] = set()
        for at in range(0, len(ids), IDS):
            part = list(ids[at : at + IDS])
            joined = {outcome_id(self.settings.name, id): id for id in part}
            outcomes = _source_of({"ids": {"values": list(joined)}}, "outcome.source")
            known = [{"exists": {"field": f"feedback.{name}"}} for name in ("actual", "actual_value")]
            sent = {
                "bool": {
                    "filter": [
                        {"terms": {"feedback.prediction_id": part}},
                        {"bool": {"should": known, "minimum_should_match": 1}},
                    ]
                }
            }
            names = self.store.names
            first, second = self.store.msearch(
                [
                    (names.every("outcomes"), outcomes),
                    (names.every("feedback"), _source_of(sent, "feedback.source", "feedback.prediction_id")),
                ]
            )
            labelled.update(joined[hit["_id"]] for hit in first["hits"]["hits"] if hit["_id"] in joined)
            labelled.update(str(hit["_source"]["feedback"]["prediction_id"]) for hit in second["hits"]["hits"])
        return [id for id in ids if id not in labelled]

    def matching(self, ids: Sequence[str], parts: Sequence[str]) -> dict[str, list[str]]:
        """Id -> those of the segments `parts` that it is in, for ids that are in any."""
        found: dict[str, list[str]] = {}
        for at in range(0, len(ids), IDS):
            filters = [{"ids": {"values": list(ids[at : at + IDS])}}, within_any(parts)]
            body = {"query": {"bool": {"filter": filters}}, "size": 10 * IDS, "_source": False}
            hits = self.store.search(self.pattern, body | {"track_total_hits": False})["hits"]["hits"]
            found |= {hit["_id"]: list(hit.get("matched_queries", ())) for hit in hits}
        return found

    def rows(self, ids: Iterable[str]) -> dict[str, Document]:
        """The documents."""
        wanted = list(ids)
        found: dict[str, Document] = {}
        for at in range(0, len(wanted), IDS):
            query = {"ids": {"values": wanted[at : at + IDS]}}
            body = {"query": query, "size": 10 * IDS, "_source": list(_ROW), "track_total_hits": False}
            found |= {hit["_id"]: hit["_source"] for hit in self.store.search(self.pattern, body)["hits"]["hits"]}
        return found


def _source_of(query: Document, *fields: str) -> Document:
    """Truths that are no user's, by `query`."""
    user = {"term": {fields[0]: SURVEY}}
    body = {"bool": {"filter": [query], "must_not": [user]}}
    return {"query": body, "size": 10 * IDS, "_source": list(fields), "track_total_hits": False}


def within_any(parts: Sequence[str]) -> Document:
    """A filter of predictions in any of these segments; hits say in which."""
    inside = [{"bool": {"filter": in_segment(name), "_name": name}} for name in parts]
    return {"bool": {"should": inside, "minimum_should_match": 1}}


def entropy(probabilities: Mapping[str, Any]) -> float:
    """Of a distribution over classes, in nats.

    >>> round(entropy({"a": 0.5, "b": 0.5}), 3), entropy({"a": 1.0})
    (0.693, 0.0)
    """
    shares = [float(p) for p in probabilities.values() if isinstance(p, (int, float)) and 0 < p <= 1]
    return abs(sum(p * math.log(p) for p in shares))
