"""An experiment's result from the sums of its units: arms, comparisons, sample ratio, verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec
from scipy import special

from driftlog.contract.experiment import (
    Arm,
    Comparison,
    ExperimentData,
    ExperimentResult,
    ExperimentVerdict,
    Look,
    UnitSums,
    intended_shares,
    parse_instant,
)
from driftlog.contract.settings import ExperimentSettings
from driftlog.evaluate.experiments.fixed import FixedTest, fixed_test, is_proportion
from driftlog.evaluate.experiments.planner import sequential_stretch, split_alpha
from driftlog.evaluate.experiments.power import detectable_effect, total_units
from driftlog.evaluate.experiments.sample_ratio import ALARM, sample_ratio_always_valid, sample_ratio_p_value
from driftlog.evaluate.experiments.sequential import always_valid_p, confidence_sequence, mixing_sd, shrunken
from driftlog.evaluate.experiments.wording import overall_sentence, sentence, unit_notes
from driftlog.evaluate.multiple_testing import holm
from driftlog.evaluate.proportions import wilson_interval

MIN_UNITS: Final = 50
"""Units with a value that each arm needs before anything is said: the sequential test is asymptotic."""


@dataclass(frozen=True, slots=True)
class Levels:
    """How alpha is spent: on looks and at the end, by all comparisons together and by each."""

    looks: float
    end: float
    each_look: float
    each_end: float
    tau: float

    @classmethod
    def of(cls, settings: ExperimentSettings) -> Levels:
        """Alpha is split between looks and end where there is an end, and by Bonferroni between intervals."""
        looks, end = split_alpha(settings.alpha, has_end=bool(settings.end.strip()))
        treatments = len(settings.treatments)
        tau = mixing_sd(settings.minimum_effect, alpha=looks / treatments, power=settings.power)
        return cls(looks, end, looks / treatments, end / treatments, tau)


def analyse(
    data: ExperimentData, settings: ExperimentSettings, *, model: str = "", environment: str = ""
) -> ExperimentResult:
    """What the experiment says at ``data.until``.

    Each unit counts once, with the mean of its values. Until the planned end the verdict is the sequential test's
    (always valid, at ``alpha`` without an end, at a fifth of it with one); at the end it is the fixed test's.

    - better, worse: the p-value, adjusted by Holm over the treatments, is at most alpha.
    - no difference: the interval lies inside plus and minus `minimum_effect`.
    - keep collecting; after the end: inconclusive.
    - sample ratio mismatch, whatever the rest says: chi-square p-value below 0.001.
    - fewer than 50 units with a value in an arm: not enough data.
    """
    levels = Levels.of(settings)
    end = parse_instant(settings.end)
    ended = end is not None and data.until >= end
    shares = intended_shares(settings)
    variants = (settings.control, *settings.treatments)
    totals = [data.total(variant) for variant in variants]
    arms = tuple(_arm(v, s, t) for v, s, t in zip(variants, shares, totals, strict=True))
    exposed = [total.exposed for total in totals]
    ratio = sample_ratio_p_value(exposed, shares)
    mismatch = ratio is not None and ratio < ALARM
    raw = [
        _compare(data, settings, levels, treatment, totals[0], total)
        for treatment, total in zip(settings.treatments, totals[1:], strict=True)
    ]
    comparisons = _judged(_adjusted(raw), settings, levels, ended=ended, mismatch=mismatch)
    per_day = units_per_day(data)
    planned = _planned(totals[0], totals, settings, levels)
    result = ExperimentResult(
        model=model,
        environment=environment,
        name=settings.name,
        verdict=_overall(comparisons, mismatch=mismatch),
        sentence="",
        target=settings.target,
        kind=settings.kind,
        direction=settings.direction,
        unit=data.unit,
        until=data.until,
        start=parse_instant(settings.start),
        end=end,
        ended=ended,
        alpha=settings.alpha,
        power=settings.power,
        minimum_effect=settings.minimum_effect,
        arms=arms,
        comparisons=comparisons,
        sample_ratio_p_value=ratio,
        sample_ratio_always_valid=sample_ratio_always_valid(exposed, shares),
        contaminated=data.contaminated,
        rows=data.rows,
        rows_without_subject=data.rows_without_subject,
        planned_units=planned,
        units_per_day=per_day,
    )
    worded = msgspec.structs.replace(result, sentence=overall_sentence(result))
    return msgspec.structs.replace(worded, notes=unit_notes(worded, unreadable=data.unreadable))


def _arm(variant: str, share: float, total: UnitSums) -> Arm:
    lower = upper = sd = None
    if total.n > 1:
        sd = math.sqrt(total.variance)
        if is_proportion(total):
            lower, upper = wilson_interval(total.mean * total.n, total.n)
        else:
            half = float(-special.stdtrit(total.n - 1, 0.025)) * sd / math.sqrt(total.n)
            lower, upper = total.mean - half, total.mean + half
    return Arm(
        variant=variant,
        share=share,
        exposed=total.exposed,
        units=total.n,
        rows=total.rows,
        mean=total.mean if total.n else None,
        sd=sd,
        lower=lower,
        upper=upper,
    )


def _compare(
    data: ExperimentData,
    settings: ExperimentSettings,
    levels: Levels,
    treatment: str,
    control: UnitSums,
    treated: UnitSums,
) -> Comparison:
    """Both tests of one treatment; not yet judged."""
    blank = Comparison(treatment=treatment, verdict="insufficient_data", sentence="")
    looks = _looks(data, settings, levels, treatment)
    if control.n == 0 or treated.n == 0:
        return msgspec.structs.replace(blank, looks=looks)
    difference = treated.mean - control.mean
    found = msgspec.structs.replace(
        blank,
        difference=difference,
        relative=difference / control.mean if control.mean else None,
        level=1 - levels.each_look,
        fixed_level=1 - levels.each_end,
        looks=looks,
    )
    if min(control.n, treated.n) < MIN_UNITS:
        return found
    variance = difference_variance(control, treated)
    lower, upper = confidence_sequence(difference, variance, levels.tau, levels.each_look)
    fixed = fixed_test(control, treated, levels.each_end, proportions=settings.kind == "binary") or FixedTest(
        difference, None, None, None, ""
    )
    known = math.isfinite(upper)
    return msgspec.structs.replace(
        found,
        lower=lower if known else None,
        upper=upper if known else None,
        p_value=always_valid_p(difference, variance, levels.tau),
        fixed_lower=fixed.lower,
        fixed_upper=fixed.upper,
        fixed_p_value=fixed.p_value,
        method=fixed.method,
        expected=shrunken(difference, variance, levels.tau) if known else None,
        detectable=_detectable(control, treated, settings, levels),
    )


def difference_variance(control: UnitSums, treatment: UnitSums) -> float:
    """Variance of the difference of the arms' means, for the sequential test.

    Proportions are moved a little towards a half, ``(x + 1) / (n + 2)``, so that an arm without a success is not taken
    for certain; other means have the sample variance over n.
    """
    if is_proportion(control, treatment):
        moved = [((arm.mean * arm.n + 1) / (arm.n + 2), arm.n) for arm in (control, treatment)]
        return sum(p * (1 - p) / n for p, n in moved)
    return control.variance / control.n + treatment.variance / treatment.n


def _looks(data: ExperimentData, settings: ExperimentSettings, levels: Levels, treatment: str) -> tuple[Look, ...]:
    """The sequence as units came in: all values of the units first seen until the end of each day."""
    of_control, of_treatment = data.arms.get(settings.control, {}), data.arms.get(treatment, {})
    control, treated = UnitSums(), UnitSums()
    found = []
    for day in sorted({*of_control, *of_treatment}):
        control.merge(of_control.get(day, UnitSums()))
        treated.merge(of_treatment.get(day, UnitSums()))
        found.append(_look(day, control, treated, levels))
    return tuple(found)


def _look(day: date, control: UnitSums, treated: UnitSums, levels: Levels) -> Look:
    smallest = min(control.n, treated.n)
    difference = treated.mean - control.mean if smallest else None
    lower = upper = p_value = None
    if difference is not None and smallest >= MIN_UNITS:
        variance = difference_variance(control, treated)
        lower, upper = confidence_sequence(difference, variance, levels.tau, levels.each_look)
        p_value = always_valid_p(difference, variance, levels.tau)
        if not math.isfinite(upper):
            lower = upper = None
    return Look(
        day=day,
        control_units=control.n,
        treatment_units=treated.n,
        difference=difference,
        lower=lower,
        upper=upper,
        p_value=p_value,
    )


def _adjusted(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """With p-values adjusted by Holm over the treatments that have one; the others count as 1."""
    sequential = holm([1.0 if c.p_value is None else c.p_value for c in comparisons])
    fixed = holm([1.0 if c.fixed_p_value is None else c.fixed_p_value for c in comparisons])
    return [
        msgspec.structs.replace(
            c,
            p_adjusted=None if c.p_value is None else p,
            fixed_p_adjusted=None if c.fixed_p_value is None else q,
        )
        for c, p, q in zip(comparisons, sequential, fixed, strict=True)
    ]


def _judged(
    comparisons: Sequence[Comparison], settings: ExperimentSettings, levels: Levels, *, ended: bool, mismatch: bool
) -> tuple[Comparison, ...]:
    judged = []
    for c in comparisons:
        verdict = "sample_ratio_mismatch" if mismatch else verdict_of(c, settings, levels, ended=ended)
        with_verdict = msgspec.structs.replace(c, verdict=verdict)
        judged.append(msgspec.structs.replace(with_verdict, sentence=sentence(with_verdict, settings, ended=ended)))
    return tuple(judged)


def verdict_of(
    comparison: Comparison, settings: ExperimentSettings, levels: Levels, *, ended: bool
) -> ExperimentVerdict:
    """The verdict on one treatment; `ended`: by the test for one look, else by the sequential one."""
    if ended:
        p, lower, upper = comparison.fixed_p_adjusted, comparison.fixed_lower, comparison.fixed_upper
        level = levels.end
    else:
        p, lower, upper = comparison.p_adjusted, comparison.lower, comparison.upper
        level = levels.looks
    if comparison.difference is None or p is None or lower is None or upper is None:
        return "insufficient_data"
    if p <= level and comparison.difference != 0:
        up = comparison.difference > 0
        return "treatment_better" if up == (settings.direction == "above") else "treatment_worse"
    if -settings.minimum_effect < lower and upper < settings.minimum_effect:
        return "no_difference"
    return "inconclusive" if ended else "keep_collecting"


def _overall(comparisons: Sequence[Comparison], *, mismatch: bool) -> ExperimentVerdict:
    """Of several treatments: one that is better decides; then what is still open; then what is settled."""
    if mismatch:
        return "sample_ratio_mismatch"
    found = {c.verdict for c in comparisons}
    order: tuple[ExperimentVerdict, ...] = (
        "treatment_better",
        "keep_collecting",
        "inconclusive",
        "insufficient_data",
        "no_difference",
        "treatment_worse",
    )
    return next(verdict for verdict in order if verdict in found)


def _detectable(control: UnitSums, treated: UnitSums, settings: ExperimentSettings, levels: Levels) -> float | None:
    proportions = is_proportion(control, treated)
    pooled = (control.m2 + treated.m2) / max(1, control.n + treated.n - 2)
    return detectable_effect(
        baseline=control.mean if proportions else None,
        sd=None if proportions else math.sqrt(pooled),
        n_control=control.n,
        n_treatment=treated.n,
        alpha=levels.each_end,
        power=settings.power,
        sign=1 if (settings.direction == "above") == (control.mean < 1.0) else -1,
    )


def _planned(control: UnitSums, totals: Sequence[UnitSums], settings: ExperimentSettings, levels: Levels) -> int | None:
    """Units that the test at the end (without an end: the sequential one) needs, given what was seen so far."""
    if control.n < MIN_UNITS:
        return None
    proportions = is_proportion(*totals)
    spread = math.sqrt(sum(t.m2 for t in totals) / max(1, sum(t.n - 1 for t in totals if t.n)))
    p = control.mean
    up = (settings.direction == "above") if 0 < p < 1 else p < 0.5
    effect = settings.minimum_effect if up else -settings.minimum_effect
    if (proportions and not 0 <= p + effect <= 1) or (not proportions and spread == 0):
        return None
    once = total_units(
        baseline=p if proportions else None,
        sd=None if proportions else spread,
        effect=effect,
        alpha=levels.end,
        power=settings.power,
        shares=intended_shares(settings),
    )
    if settings.end.strip():
        return once
    return math.ceil(once * sequential_stretch(levels.each_look, settings.power))


def units_per_day(data: ExperimentData) -> float | None:
    """Newly seen units a day over the last seven days until ``data.until``, the last one in part; None without any."""
    last = _last_day(data.until)
    days = [day for arm in data.arms.values() for day in arm if day <= last]
    if not days:
        return None
    first = max(min(days), last - timedelta(days=6))
    units = sum(sums.exposed for arm in data.arms.values() for day, sums in arm.items() if first <= day <= last)
    elapsed = data.until - datetime(first.year, first.month, first.day, tzinfo=UTC)
    return units / (elapsed / timedelta(days=1))


def _last_day(until: datetime) -> date:
    return (until - timedelta(microseconds=1)).date()
