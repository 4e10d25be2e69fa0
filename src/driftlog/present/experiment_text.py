"""Figures of an experiment as people read them: proportions as percent, their differences in percentage points."""

from __future__ import annotations

import math
from typing import Final

from driftlog.contract.experiment import ExperimentResult, ExperimentVerdict
from driftlog.present.text import share

SIGNS: Final[dict[ExperimentVerdict, str]] = {
    "treatment_better": "✓",
    "treatment_worse": "✗",
    "no_difference": "≈",
    "keep_collecting": "…",
    "inconclusive": "?",
    "insufficient_data": "…",
    "sample_ratio_mismatch": "!",
}
LEVELS: Final[dict[ExperimentVerdict, str]] = {
    "treatment_better": "ok",
    "treatment_worse": "critical",
    "no_difference": "ok",
    "keep_collecting": "open",
    "inconclusive": "warning",
    "insufficient_data": "open",
    "sample_ratio_mismatch": "critical",
}


def difference(value: float | None, kind: str, *, sign: bool = True) -> str:
    """A difference of two arms.

    >>> difference(0.0123, "binary"), difference(-1.5, "numeric"), difference(None, "binary")
    ('+1.23 pp', '−1.5', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    scaled = value * 100 if kind == "binary" else value
    form = ("+" if sign else "") + (".2f" if kind == "binary" and 0.01 <= abs(scaled) < 10 else ".3g")
    text = format(scaled, form).replace("-", "−") if scaled else "0"
    return f"{text} pp" if kind == "binary" else text


def mean(value: float | None, kind: str) -> str:
    """The mean of an arm.

    >>> mean(0.2034, "binary"), mean(12.345, "numeric")
    ('20.34 %', '12.35')
    """
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value * 100:.4g} %" if kind == "binary" else f"{value:.4g}"


def interval(lower: float | None, upper: float | None, kind: str) -> str:
    """An interval of a difference."""
    if lower is None or upper is None:
        return "–"
    return f"{difference(lower, kind)} … {difference(upper, kind)}"


def p_text(p: float | None) -> str:
    """A p-value.

    >>> p_text(0.00001), p_text(0.0312), p_text(None)
    ('< 0.0001', '0.031', '–')
    """
    if p is None:
        return "–"
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def p_equals(p: float | None) -> str:
    """A p-value as part of a sentence.

    >>> p_equals(0.2), p_equals(1e-9)
    ('p = 0.2', 'p < 0.0001')
    """
    return f"p {p_text(p)}" if p is not None and p < 0.0001 else f"p = {p_text(p)}"


def percent_level(level: float) -> str:
    """A confidence level.

    >>> percent_level(0.95), percent_level(0.9966666)
    ('95 %', '99.67 %')
    """
    return f"{level * 100:.4g} %"


def progress(result: ExperimentResult) -> str:
    """How many of the planned units are there."""
    if not result.planned_units:
        return "–"
    return share(min(9.99, result.units / result.planned_units))
