"""Settings of a model whose predictions lie in somebody else's index: where, and under which names."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, Literal

from driftlog.contract.strict import Strict

Kind = Literal["number", "keyword", "boolean", "date"]
FieldType = Literal["auto", "number", "keyword", "date"]
Unit = Literal["ns", "us", "ms", "s"]

TIMESTAMP: Final = "@timestamp"
INGESTED: Final = "event.ingested"
DURATION: Final = "event.duration"
OUTCOME: Final = "event.outcome"
EVENT_ID: Final = "event.id"

KINDS: Final[dict[str, Kind]] = {
    TIMESTAMP: "date",
    INGESTED: "date",
    DURATION: "number",
    OUTCOME: "keyword",
    EVENT_ID: "keyword",
    "error.type": "keyword",
    "error.message": "keyword",
    "model.version": "keyword",
    "model.variant": "keyword",
    "service.name": "keyword",
    "service.version": "keyword",
    "service.environment": "keyword",
    "host.name": "keyword",
    "trace.id": "keyword",
    "subject.id": "keyword",
    "prediction.label": "keyword",
    "prediction.score": "number",
    "prediction.value": "number",
}
"""Fields of an event that can be found elsewhere, and what driftlog reads them as."""
OPEN: Final[dict[str, Kind | None]] = {
    "features.": None,
    "prediction.probabilities.": "number",
    "prediction.attributions.": "number",
}
"""Groups of fields with names of the user's own; a feature is read as what it is stored as."""
UNIT_NS: Final[dict[str, float]] = {"ns": 1.0, "us": 1e3, "ms": 1e6, "s": 1e9}
INDEX_PART: Final = re.compile(r"-?[^\s\"*\\<>|,/?#+_-][^\s\"\\<>|,/?#]{0,199}\Z")


class FieldSource(Strict, frozen=True):
    """Where one field of an event is found.

    Attributes
    ----------
    name
        driftlog's name; ``features.*`` and the like for a whole object.
    path
        The dotted name in the user's documents; ``body.*`` for ``features.*``.
    type
        auto: as it is stored. Another type is read from the documents themselves: slower, and right.
    unit
        ``event.duration`` only.
    failure
        ``event.outcome`` only: values that mean failure; ``>=500`` compares numbers.
    """

    name: str
    path: str
    type: FieldType = "auto"
    unit: Unit = "ns"
    failure: tuple[str, ...] = ("failure",)


class SourceSettings(Strict, frozen=True):
    """Predictions in an index of the user's own; an empty `index`: driftlog's own indices.

    Attributes
    ----------
    query
        Which documents are predictions of this model: an Elasticsearch query as JSON.
    late
        Without an ``event.ingested``, how long after its time stamp a document may still arrive and be found by the
        next cycle; later ones are found by the nightly comparison of counts.
    time_format
        How times are written where the index does not hold them as dates.
    """

    index: str = ""
    query: str = ""
    fields: tuple[FieldSource, ...] = ()
    late: timedelta = timedelta(hours=1)
    time_format: str = "strict_date_optional_time||epoch_millis"


def kind_of(name: str) -> Kind | None:
    """What a field is read as; None: as it is stored.

    >>> kind_of("prediction.score"), kind_of("features.age"), kind_of("prediction.probabilities.late")
    ('number', None, 'number')
    """
    if name in KINDS:
        return KINDS[name]
    return next((kind for prefix, kind in OPEN.items() if name.startswith(prefix)), None)


def can_be_mapped(name: str) -> bool:
    """Whether a name is one of an event's fields.

    >>> can_be_mapped("features.age"), can_be_mapped("features.*"), can_be_mapped("age")
    (True, True, False)
    """
    return name in KINDS or any(name.startswith(prefix) and name != prefix for prefix in OPEN)
