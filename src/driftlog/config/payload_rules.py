"""Rules of the settings by which payloads become predictions."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.errors import NameRefused
from driftlog.contract.names import check_feature_name
from driftlog.contract.settings import ModelSettings

SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(days=1)
MOST_INSTANCES: Final = 100_000
"""The predictions of one payload are held in memory at once."""


def check_payloads(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first name, class or time that cannot be used."""
    settings = model.payloads
    at = (*path, "payloads")
    for name in ("feature_names", "classes"):
        values = getattr(settings, name)
        if len(set(values)) < len(values):
            raise SettingRefused("names one twice", (*at, name), remedy="name each column or class once, in order")
    for index, feature in enumerate(settings.feature_names):
        try:
            check_feature_name(feature)
        except NameRefused as error:
            raise SettingRefused(
                "is no name of a feature", (*at, "feature_names", index), value=feature, remedy=error.remedy
            ) from None
    if model.task == "regression" and settings.answer in ("label", "score", "probabilities"):
        raise SettingRefused(
            "is no answer of a regression", (*at, "answer"), value=settings.answer, remedy="write value or auto"
        )
    if model.task == "multiclass" and settings.answer == "score":
        raise SettingRefused(
            "belongs to a binary model", (*at, "answer"), value="score", remedy="write label or probabilities"
        )
    if model.task != "regression" and settings.answer == "value":
        raise SettingRefused(
            "belongs to a regression", (*at, "answer"), value="value", remedy="write label, score or probabilities"
        )
    if not SHORTEST <= settings.pair_timeout <= LONGEST:
        raise SettingRefused("must lie between 1s and 1d", (*at, "pair_timeout"), remedy="write 5m, say")
    if not 1 <= settings.max_instances <= MOST_INSTANCES:
        raise SettingRefused(
            f"must lie between 1 and {MOST_INSTANCES}",
            (*at, "max_instances"),
            value=settings.max_instances,
            remedy="write the size of the largest batch that clients send",
        )
