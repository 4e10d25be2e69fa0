"""What a detector sees of an outcome: wrong or right, or the size of the error in units of a usual large one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from driftlog.contract.profile import Reference, total
from driftlog.evaluate.concept.detector import ConceptDetector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LARGE: Final = 0.90
"""Quantile of the reference's absolute errors that counts as a large error."""
NORMAL_LARGE: Final = 1.6448536269514722
"""That quantile of ``|z|``, z standard normal."""
FEWEST: Final = 100
"""Errors from which a unit is taken."""
ERROR: Final = "outcome.error"


def error_unit(reference: Reference | None) -> float | None:
    """The 90 % point of the reference's absolute errors, in the unit of the target; None where it has no such errors.

    From the reference's sampled rows where they hold ``outcome.error``; else, from its sums, 1.645 times the root mean
    squared error, which is that point for normal errors without bias. Where it is wrong by a factor, the detectors cut
    at another share of large errors than 10 %; a change still moves that share.
    """
    if reference is None:
        return None
    if reference.rows is not None and ERROR in reference.rows.columns:
        exact = unit_of(np.abs(reference.rows.columns[ERROR]))
        if exact is not None:
            return exact
    outcomes = total(reference.outcomes)
    if outcomes is None or outcomes.valued < FEWEST:
        return None
    return NORMAL_LARGE * float(np.sqrt(outcomes.squared_error / outcomes.valued))


def unit_of(absolute_errors: Floats) -> float | None:
    """The 90 % point of absolute errors; None for fewer than 100 finite ones.

    >>> unit_of(np.arange(101.0))
    90.0
    """
    known = absolute_errors[np.isfinite(absolute_errors)]
    return float(np.quantile(known, LARGE)) if known.size >= FEWEST else None


def detector_input(errors: Floats, unit: float | None, detector: ConceptDetector) -> Floats:
    """`errors` as the detector wants them, float64 of the same length.

    Classification (`unit` None): as they are, 1 for wrong and 0 for right. Regression, `errors` being absolute: 1 where
    above `unit` for a binary detector, else divided by `unit`, so that most lie in [0, 1] whatever the target's scale.
    A unit of 0 (a reference without errors) divides by nothing.

    >>> from driftlog.evaluate.concept.registry import DETECTORS
    >>> detector_input(np.array([0.5, 3.0]), 2.0, DETECTORS["ddm"])
    array([0., 1.])
    >>> detector_input(np.array([0.5, 3.0]), 2.0, DETECTORS["adwin"])
    array([0.25, 1.5 ])
    """
    if unit is None:
        return errors
    if detector.binary:
        return (errors > unit).astype(np.float64)
    return errors / unit if unit > 0 else errors
