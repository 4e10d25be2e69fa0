"""Which fields are looked at, and what their drift is called."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from driftlog.contract.binning import Binning, FieldBins
from driftlog.contract.measurement import Purpose
from driftlog.contract.settings import ModelSettings

FEATURES: Final = "features."
ATTRIBUTIONS: Final = "prediction.attributions."


def watched_fields(binning: Binning, settings: ModelSettings) -> Iterator[tuple[str, FieldBins]]:
    """Fields of the binning to look at: the features named in the settings (all, if none is) and the predictions.

    A named feature brings the numbers derived from it along (``features.comment`` also ``features.comment.words``, but
    only for `text` features).
    """
    wanted = {_field(name) for name in settings.features}
    texts = tuple(f"{_field(name)}." for name in settings.text if not wanted or _field(name) in wanted)
    for field, bins in binning.fields.items():
        if not wanted or not field.startswith(FEATURES) or field in wanted or field.startswith(texts):
            yield field, bins


def purpose_of(field: str) -> Purpose:
    """``data_drift`` for features, ``attribution_drift`` for logged attributions, else ``prediction_drift``.

    >>> purpose_of("prediction.attributions.distance"), purpose_of("prediction.probabilities.late")
    ('attribution_drift', 'prediction_drift')
    """
    if field.startswith(FEATURES):
        return "data_drift"
    return "attribution_drift" if field.startswith(ATTRIBUTIONS) else "prediction_drift"


def _field(name: str) -> str:
    return name if name.startswith(FEATURES) else FEATURES + name
