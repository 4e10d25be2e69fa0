"""Predictions in an index of the user's own."""

from __future__ import annotations

from typing import Final

_SOURCE: Final = "models.<name>.source"
_FIELD: Final = f"{_SOURCE}.fields[]"

SOURCES: Final[dict[str, str]] = {
    f"{_SOURCE}.index": "Pattern of indices of your own that hold the predictions; empty: driftlog's own.",
    f"{_SOURCE}.query": "Which of their documents are predictions of this model: a query as JSON.",
    f"{_SOURCE}.fields": "driftlog's field: the field in your index; see docs/own-indices.md.",
    f"{_FIELD}.name": "driftlog's field, such as prediction.score, or features.* for a whole object.",
    f"{_FIELD}.path": "The field in your index, such as model.output.score, or body.*.",
    f"{_FIELD}.type": "auto, number, keyword or date: read as this type although it is stored as another.",
    f"{_FIELD}.unit": "event.duration: ns, us, ms or s.",
    f"{_FIELD}.failure": "event.outcome: values that mean failure; >=500 compares numbers.",
    f"{_SOURCE}.late": "Without a field for event.ingested: how late a document may come and be found at once.",
    f"{_SOURCE}.time_format": "How times are written where your index does not hold them as dates.",
}
