"""All drift measures, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from driftlog.contract.binning import FieldBins
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.drift import (
    chi_square,
    cramer_von_mises,
    cramers_v,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability_index,
    total_variation,
    two_proportions,
    wasserstein,
)
from driftlog.evaluate.drift.joint import find_joint_measure
from driftlog.evaluate.drift.measure import DriftMeasure, Kind, kind_of

KINDS: Final[tuple[Kind, ...]] = ("numeric", "categorical")
"""In the order of `drift_measures`."""

_MEASURES: Final = (
    DriftMeasure("kolmogorov_smirnov", kolmogorov_smirnov.compare, kolmogorov_smirnov.effect, 1.0, ("numeric",)),
    DriftMeasure(
        "cramer_von_mises", cramer_von_mises.compare, cramer_von_mises.effect, cramer_von_mises.LARGEST, ("numeric",)
    ),
    DriftMeasure("total_variation", total_variation.compare, total_variation.effect, 1.0),
    DriftMeasure(
        "population_stability_index", population_stability_index.compare, population_stability_index.effect, math.inf
    ),
    DriftMeasure("jensen_shannon", jensen_shannon.compare, jensen_shannon.effect, 1.0),
    DriftMeasure("hellinger", hellinger.compare, hellinger.effect, 1.0),
    DriftMeasure("wasserstein", wasserstein.compare, wasserstein.effect, math.inf, ("numeric",)),
    DriftMeasure("chi_square", chi_square.compare, chi_square.effect, math.inf),
    DriftMeasure("cramers_v", cramers_v.compare, cramers_v.effect, 1.0),
    DriftMeasure(
        "two_proportions", two_proportions.compare, two_proportions.effect, 1.0, ("categorical",), two_proportions.fits
    ),
)
DRIFT_MEASURES: Final[Mapping[str, DriftMeasure]] = {measure.name: measure for measure in _MEASURES}


def find_measure(name: str, *, path: str) -> DriftMeasure:
    """The measure of that name.

    Raises
    ------
    ConfigError
        There is none; `path` says where the name was written.
    """
    try:
        return DRIFT_MEASURES[name]
    except KeyError:
        raise ConfigError(
            "is not a drift measure", path=path, value=name, remedy=f"use one of {', '.join(sorted(DRIFT_MEASURES))}"
        ) from None


def judged_measure(names: tuple[str, ...], bins: FieldBins) -> DriftMeasure:
    """The measure judged by default: the first name for numeric fields, the second for categorical ones.

    Raises
    ------
    ConfigError
        The measure is unknown, or is not defined on such fields.
    """
    return _judged(names, kind_of(bins))


def check_names(settings: ModelSettings) -> None:
    """Refuse settings whose measures do not exist or could not judge: call it where settings are loaded.

    Raises
    ------
    ConfigError
        An unknown name in `drift_measures`, `report_measures` or `joint_measures`, or a judged measure that is not
        defined on every field of its kind.
    """
    where = f"models.{settings.name}."
    for kind in KINDS:
        _judged(settings.drift_measures, kind, where)
    for index, name in enumerate(settings.drift_measures):
        find_measure(name, path=f"{where}drift_measures[{index}]")
    for index, name in enumerate(settings.report_measures):
        find_measure(name, path=f"{where}report_measures[{index}]")
    for index, name in enumerate(settings.joint_measures):
        find_joint_measure(name, path=f"{where}joint_measures[{index}]")


def _judged(names: tuple[str, ...], kind: Kind, where: str = "") -> DriftMeasure:
    if not names:
        raise ConfigError(
            "is empty", path=f"{where}drift_measures", remedy="name one measure for numeric and one for categories"
        )
    index = min(KINDS.index(kind), len(names) - 1)
    path = f"{where}drift_measures[{index}]"
    measure = find_measure(names[index], path=path)
    if kind not in measure.kinds or measure.fits is not None:
        fitting = [other.name for other in _MEASURES if kind in other.kinds and other.fits is None]
        what = "fields with more than two categories" if measure.fits is not None else f"{kind} fields"
        raise ConfigError(
            f"is not defined on {what}", path=path, value=names[index], remedy=f"use one of {', '.join(fitting)}"
        )
    return measure
