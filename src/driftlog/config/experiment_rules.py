"""Rules of experiments: variants, shares, dates, error rates."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from driftlog.config.decode import SettingRefused
from driftlog.config.origins import SettingPath
from driftlog.contract.experiment import parse_instant
from driftlog.contract.settings import ExperimentSettings, ModelSettings

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_TARGETS: Final = ("outcome.", "features.", "prediction.")


def check_experiments(model: ModelSettings, path: SettingPath) -> None:
    """Raise `SettingRefused` for the first experiment that cannot be evaluated."""
    names = Counter(experiment.name for experiment in model.experiments)
    for index, experiment in enumerate(model.experiments):
        at = (*path, "experiments", index)
        if not _NAME.match(experiment.name):
            raise SettingRefused(
                "is no name of an experiment",
                (*at, "name"),
                value=experiment.name,
                remedy="use 1 to 64 characters a-z, 0-9, '-' or '_', starting with a letter or digit",
            )
        if names[experiment.name] > 1:
            raise SettingRefused(
                "is the name of two experiments", (*at, "name"), value=experiment.name, remedy="rename one"
            )
        _check_variants(experiment, at)
        _check_shares(experiment, at)
        _check_dates(experiment, at)
        _check_figures(experiment, at)


def _check_variants(experiment: ExperimentSettings, at: SettingPath) -> None:
    if not experiment.control:
        raise SettingRefused("is empty", (*at, "control"), remedy="name the model.variant that the others meet")
    if not experiment.treatments or not all(experiment.treatments):
        raise SettingRefused("names no variant", (*at, "treatments"), remedy="write [new-model], say")
    if experiment.control in experiment.treatments:
        raise SettingRefused(
            "holds the control, too", (*at, "treatments"), value=experiment.control, remedy="name the other variants"
        )
    if len(set(experiment.treatments)) < len(experiment.treatments):
        raise SettingRefused(
            "names a variant twice", (*at, "treatments"), value=list(experiment.treatments), remedy="name each once"
        )
    known = experiment.target in ("accuracy", "feedback.rating")
    if not known and not any(experiment.target.startswith(t) and experiment.target != t for t in _TARGETS):
        raise SettingRefused(
            "is no target",
            (*at, "target"),
            value=experiment.target,
            remedy="use accuracy, outcome.actual_value, feedback.rating, features.NAME or prediction.NAME",
        )


def _check_shares(experiment: ExperimentSettings, at: SettingPath) -> None:
    shares = experiment.shares
    if not shares:
        return
    variants = 1 + len(experiment.treatments)
    if len(shares) != variants:
        raise SettingRefused(
            f"must have {variants} values",
            (*at, "shares"),
            value=list(shares),
            remedy="give one a variant, control first",
        )
    if min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise SettingRefused(
            f"must be positive and sum to 1, not {sum(shares):.6g}",
            (*at, "shares"),
            value=list(shares),
            remedy="write [0.5, 0.5], say, or remove the line for equal shares",
        )


def _check_dates(experiment: ExperimentSettings, at: SettingPath) -> None:
    times = {}
    for name in ("start", "end"):
        text = getattr(experiment, name)
        try:
            times[name] = parse_instant(text)
        except ValueError:
            raise SettingRefused(
                "is no day or instant", (*at, name), value=text, remedy="write 2026-03-01 or 2026-03-01T09:00:00Z"
            ) from None
    if times["start"] is not None and times["end"] is not None and times["end"] <= times["start"]:
        raise SettingRefused(
            "does not lie after start",
            (*at, "end"),
            value=experiment.end,
            remedy="write a later day, or exchange the two",
        )


def _check_figures(experiment: ExperimentSettings, at: SettingPath) -> None:
    effect = experiment.minimum_effect
    if effect <= 0:
        raise SettingRefused(
            "must be positive", (*at, "minimum_effect"), value=effect, remedy="give its size; direction gives the side"
        )
    if experiment.kind == "binary" and effect >= 1:
        raise SettingRefused(
            "is no difference of proportions", (*at, "minimum_effect"), value=effect, remedy="write 0.01 for 1 point"
        )
    if not 0 < experiment.alpha < 0.5:
        raise SettingRefused(
            "must lie between 0 and 0.5", (*at, "alpha"), value=experiment.alpha, remedy="write 0.05, say"
        )
    if not 0.5 <= experiment.power < 1:
        raise SettingRefused(
            "must lie between 0.5 and 1", (*at, "power"), value=experiment.power, remedy="write 0.8, say"
        )
