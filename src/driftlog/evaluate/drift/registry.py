"""All drift measures, by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from driftlog.contract.binning import FieldBins
from driftlog.contract.errors import ConfigError
from driftlog.evaluate.drift import (
    chi_square,
    hellinger,
    jensen_shannon,
    kolmogorov_smirnov,
    population_stability_index,
    total_variation,
    wasserstein,
)
from driftlog.evaluate.drift.measure import DriftMeasure, kind_of

_MEASURES: Final = (
    DriftMeasure("kolmogorov_smirnov", kolmogorov_smirnov.compare, kolmogorov_smirnov.effect, 1.0, ("numeric",)),
    DriftMeasure("total_variation", total_variation.compare, total_variation.effect, 1.0),
    DriftMeasure(
        "population_stability_index", population_stability_index.compare, population_stability_index.effect, math.inf
    ),
    DriftMeasure("jensen_shannon", jensen_shannon.compare, jensen_shannon.effect, 1.0),
    DriftMeasure("hellinger", hellinger.compare, hellinger.effect, 1.0),
    DriftMeasure("wasserstein", wasserstein.compare, wasserstein.effect, math.inf, ("numeric",)),
    DriftMeasure("chi_square", chi_square.compare, chi_square.effect, math.inf),
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
    if not names:
        raise ConfigError(
            "is empty", path="drift_measures", remedy="name one measure for numeric and one for categories"
        )
    kind = kind_of(bins)
    index = min(0 if kind == "numeric" else 1, len(names) - 1)
    path = f"drift_measures[{index}]"
    measure = find_measure(names[index], path=path)
    if not measure.applies_to(bins):
        fitting = [other.name for other in _MEASURES if other.applies_to(bins)]
        raise ConfigError(
            f"is not defined on {kind} fields", path=path, value=names[index], remedy=f"use one of {', '.join(fitting)}"
        )
    return measure
