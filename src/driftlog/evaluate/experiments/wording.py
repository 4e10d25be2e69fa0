"""What an experiment says, in sentences for people who decide."""

from __future__ import annotations

import math
from typing import Final

from driftlog.contract.experiment import Comparison, ExperimentResult
from driftlog.contract.settings import ExperimentSettings
from driftlog.evaluate.experiments.sample_ratio import ALARM
from driftlog.evaluate.proportions import two_proportion_p_value

CONTAMINATION_SHARE: Final = 0.01
"""More subjects than this in two variants are worth a warning."""
WITHOUT_SUBJECT_SHARE: Final = 0.01


def sentence(comparison: Comparison, settings: ExperimentSettings, *, ended: bool) -> str:
    """One treatment against the control."""
    name = f"{comparison.treatment} against {settings.control}"
    if comparison.difference is None:
        return f"{name}: no values of {settings.target} in one of them yet."
    binary = settings.kind == "binary"
    level, lower, upper = (
        (comparison.fixed_level, comparison.fixed_lower, comparison.fixed_upper)
        if ended
        else (comparison.level, comparison.lower, comparison.upper)
    )
    shown = signed(comparison.difference, binary=binary)
    if lower is None or upper is None:
        return f"{name}: {shown} so far, too few units for an interval."
    span = f"{_level(level)} {signed(lower, binary=binary)} to {signed(upper, binary=binary)}"
    effect = signed(settings.minimum_effect, binary=binary).lstrip("+")
    small = max(abs(lower), abs(upper)) < settings.minimum_effect
    endings = {
        "treatment_better": "better" + (f", by less than the {effect} worth finding" if small else ""),
        "treatment_worse": "worse" + (f", by less than the {effect} worth finding" if small else ""),
        "no_difference": f"no difference of {effect} or more either way",
        "keep_collecting": "not decided yet",
        "inconclusive": f"not decided: the data allow no difference and one of {effect} or more",
        "insufficient_data": "not enough data",
        "sample_ratio_mismatch": "not to be read",
    }
    return f"{name}: {shown} ({span}): {endings[comparison.verdict]}."


def overall_sentence(result: ExperimentResult) -> str:
    """The verdict on the whole experiment, with what to do."""
    if result.verdict == "sample_ratio_mismatch":
        p = result.sample_ratio_p_value or 0.0
        shown = f"p = {p:.2g}" if p >= 1e-4 else "p < 0.0001"
        return (
            f"Do not read these results: the variants did not get the shares of {result.unit}s they were meant to get "
            f"({shown}). Find out where {result.unit}s are lost or assigned twice, then start again."
        )
    best = [c for c in result.comparisons if c.verdict == result.verdict]
    names = ", ".join(c.treatment for c in best)
    control = result.control.variant
    what_now = "The planned end is reached." if result.ended else "You may stop."
    if result.verdict == "treatment_better":
        top = max(best, key=lambda c: abs(c.difference or 0.0))
        return f"{top.treatment} is better than {control}: {_gain(top, result)}. {what_now}"
    if result.verdict == "treatment_worse":
        by = f": {_gain(best[0], result)}" if len(best) == 1 else ""
        return f"{names} {'is' if len(best) == 1 else 'are'} worse than {control}{by}. {what_now}"
    if result.verdict == "no_difference":
        return f"{names} and {control} do not differ by {_effect(result)} or more. {what_now}"
    if result.verdict == "inconclusive":
        return (
            f"The planned end is reached without a decision between {control} and {names}. "
            "Call it no proven difference, or plan a larger experiment; do not extend this one."
        )
    if result.verdict == "insufficient_data":
        return f"Not enough {result.unit}s with a value of {result.target} yet in {control} or {names}."
    return f"Keep collecting: {control} and {names} are not told apart yet.{_remaining(result)}"


def _gain(comparison: Comparison, result: ExperimentResult) -> str:
    gain = signed(comparison.difference or 0.0, binary=result.kind == "binary")
    relative = "" if comparison.relative is None else f", {comparison.relative:+.1%} of the control's mean"
    return f"{gain}{relative}"


def _effect(result: ExperimentResult) -> str:
    return signed(result.minimum_effect, binary=result.kind == "binary").lstrip("+")


def _remaining(result: ExperimentResult) -> str:
    if result.planned_units is None:
        return ""
    if result.planned_units <= result.units:
        return f" The planned {result.planned_units:,} {result.unit}s are there."
    missing = result.planned_units - result.units
    days = math.ceil(missing / result.units_per_day) if result.units_per_day else None
    about = f", about {days:,} day{'' if days == 1 else 's'}" if days is not None and days < 10_000 else ""
    return f" {missing:,} more {result.unit}s{about} to the planned {result.planned_units:,}."


def unit_notes(result: ExperimentResult, *, unreadable: int = 0) -> tuple[str, ...]:
    """What was left out, and what to be careful about."""
    notes = []
    seen = sum(arm.exposed for arm in result.arms) + result.contaminated
    if result.contaminated:
        share = result.contaminated / seen
        care = " The assignment does not hold: check how subjects are hashed." if share > CONTAMINATION_SHARE else ""
        notes.append(f"{result.contaminated:,} subjects ({share:.2%}) were seen in two variants and left out.{care}")
    if result.rows_without_subject:
        share = result.rows_without_subject / max(1, result.rows)
        care = " Log subject= with every prediction." if share > WITHOUT_SUBJECT_SHARE else ""
        notes.append(
            f"{result.rows_without_subject:,} predictions ({share:.2%}) name no subject and were left out.{care}"
        )
    if result.unit == "prediction":
        notes.append(
            "Counted by prediction: predictions of one subject are alike, so the intervals are too narrow and the "
            "p-values too small."
        )
    if unreadable:
        notes.append(f"{unreadable:,} values of {result.target} are neither numbers nor true or false.")
    notes += _coverage(result)
    if len(result.comparisons) > 1:
        notes.append(
            f"{len(result.comparisons)} treatments share alpha {result.alpha:g}: p-values by Holm, intervals by "
            "Bonferroni."
        )
    if result.verdict in ("treatment_better", "treatment_worse") and not result.ended:
        notes.append(_winners_curse(result))
    return tuple(notes)


def _coverage(result: ExperimentResult) -> list[str]:
    """Values still missing, and whether one arm misses more of them."""
    notes = []
    exposed = sum(arm.exposed for arm in result.arms)
    if exposed and result.units < exposed:
        notes.append(
            f"{result.units / exposed:.1%} of the {result.unit}s have a value of {result.target}; the others count for "
            "the sample ratio only."
        )
    control = result.control
    for arm in result.arms[1:]:
        p = two_proportion_p_value(control.units, control.exposed, arm.units, arm.exposed)
        if p is not None and p < ALARM:
            notes.append(
                f"Values are missing more often in one of {control.variant} ({control.units / control.exposed:.1%} "
                f"have one) and {arm.variant} ({arm.units / arm.exposed:.1%}): the difference may come from that."
            )
    return notes


def _winners_curse(result: ExperimentResult) -> str:
    found = [c for c in result.comparisons if c.verdict == result.verdict and c.expected is not None]
    text = "A difference at the moment of stopping is too large on average (winner's curse)"
    if not found:
        return f"{text}."
    top = max(found, key=lambda c: abs(c.difference or 0.0))
    return f"{text}: expect about {signed(top.expected or 0.0, binary=result.kind == 'binary')} from {top.treatment}."


def signed(value: float, *, binary: bool) -> str:
    """A difference with its sign; proportions in percentage points.

    >>> signed(0.0123, binary=True), signed(-1.5, binary=False), signed(0.0, binary=True), signed(-0.0007, binary=True)
    ('+1.23 pp', '−1.5', '0 pp', '−0.07 pp')
    """
    scaled = value * 100 if binary else value
    text = f"{scaled:+.2f}" if binary and 0.01 <= abs(scaled) < 10 else f"{scaled:+.3g}" if scaled else "0"
    text = text.replace("-", "−")
    return f"{text} pp" if binary else text


def _level(level: float) -> str:
    return f"{level * 100:.4g} %"
