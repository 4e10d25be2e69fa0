"""Measurements of how performance changed against the reference (concept drift)."""

from __future__ import annotations

from collections.abc import Mapping

from driftlog.contract.measurement import MARK_LESS_MATURE, Measurement
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.multiple_testing import ADJUSTMENTS
from driftlog.evaluate.performance.difference import DIFFERENCES, Difference, difference
from driftlog.evaluate.performance.intervals import Estimate

MATURITY_SLACK = 0.05
"""A window this much less mature than the reference is still called equally mature."""


def difference_measurements(
    estimates: Mapping[str, tuple[Estimate, Estimate]],
    measured: Mapping[str, Measurement],
    reference_maturity: float | None,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """``<metric>_difference`` = current - reference for the metrics of `DIFFERENCES`, purpose ``concept_drift``.

    Parameters
    ----------
    estimates
        Metric -> (current, reference).
    measured
        Metric -> its performance measurement; rows, marks, note and chunks come from there.

    The p-values of a window are one family, adjusted as the settings say. Windows compare fairly at equal maturity
    only, since early labels are not like late ones: a window more than 0.05 less mature than the reference is marked
    ``less_mature`` and its note says by how much. Without a reference value there is nothing to compare and no
    measurement.
    """
    names = [name for name in DIFFERENCES if name in estimates and estimates[name][1].value is not None]
    found = {name: difference(*estimates[name], measured[name].chunks) for name in names}
    tested = [name for name in names if found[name].p_value is not None]
    adjusted = dict(
        zip(tested, ADJUSTMENTS[settings.correction]([found[name].p_value or 0.0 for name in tested]), strict=True)
    )
    return [
        _measurement(name, found[name], adjusted.get(name), measured[name], reference_maturity, context)
        for name in names
    ]


def _measurement(
    name: str,
    found: Difference,
    p_adjusted: float | None,
    measured: Measurement,
    reference_maturity: float | None,
    context: SeriesContext,
) -> Measurement:
    maturity = measured.maturity
    marks, note, details = measured.marks, measured.note, {}
    if reference_maturity is not None:
        details["reference_maturity"] = reference_maturity
        if maturity is not None and maturity < reference_maturity - MATURITY_SLACK:
            marks = (*marks, MARK_LESS_MATURE)
            note = note or (
                f"{maturity:.0%} of the truths have arrived, {reference_maturity:.0%} of the reference's: "
                "early labels are not like late ones"
            )
    return context.measurement(
        f"{name}_difference",
        "concept_drift",
        found.value,
        lower=found.lower,
        upper=found.upper,
        p_value=found.p_value,
        p_adjusted=p_adjusted,
        reference_value=0.0 if found.value is not None else None,
        n_reference=measured.n_reference,
        n_current=measured.n_current,
        maturity=maturity,
        method=found.method,
        unit=measured.unit,
        details=details,
        marks=marks,
        note=note,
    )
