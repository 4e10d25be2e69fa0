"""The trial of a candidate: better in the main metric, no worse in the guards and in the segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from driftlog.contract.maintenance import Comparison, Trial
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.registry import PERFORMANCE_METRICS, metrics_for
from driftlog.evaluate.trial.paired import Paired, Sides, both_sides, compare
from driftlog.evaluate.trial.rows import Answers, TrialRows, match
from driftlog.evaluate.trial.sums import with_labels

_SCORED: Final = frozenset({"roc_auc", "average_precision", "brier", "log_loss", "expected_calibration_error"})
_NOTHING: Final = Comparison(metric="", champion=None, candidate=None, difference=None)


def main_metric(settings: ModelSettings, *, scored: bool = True) -> str:
    """The metric that decides: `validation.metric`, else roc_auc (with scores), accuracy or rmse.

    >>> main_metric(ModelSettings(name="m", task="regression"))
    'rmse'
    """
    chosen = settings.maintain.validation.metric
    if chosen:
        return chosen
    if settings.task == "regression":
        return "rmse"
    return "roc_auc" if settings.task == "binary" and scored else "accuracy"


def needed_of(metric: str, settings: ModelSettings) -> str:
    """What a metric is computed from: ``value``, ``score`` or ``label``.

    >>> needed_of("roc_auc", ModelSettings(name="m")), needed_of("f1", ModelSettings(name="m"))
    ('score', 'label')
    """
    if settings.task == "regression":
        return "value"
    return "score" if metric in _SCORED else "label"


def examine(
    settings: ModelSettings,
    rows: TrialRows,
    ids: Sequence[str],
    answers: Answers,
    *,
    id: str,
    champion: str,
    candidate: str,
    window: Window,
    at: datetime,
    margin: float | None = None,
) -> Trial:
    """The trial on `rows` (with the champion's answers) of a candidate that gave `answers` to `ids`.

    Passed is a candidate
    - whose difference to the champion in the main metric is more than `margin` over the whole 1 - alpha interval, so
      that one that is no better passes with a probability of at most alpha / 2;
    - that is worse in no guard metric by more than `guard_margin`, chance excluded;
    - that is worse in no segment of at least `min_segment_rows` rows by more than `segment_margin`, chance excluded at
      alpha / number of segments.
    What cannot be compared is refused with its reason; nothing is raised.

    Parameters
    ----------
    margin
        Instead of `validation.margin`.
    """
    validation = settings.maintain.validation
    scored = settings.task != "binary" or bool((rows.champion.score == rows.champion.score).any())
    name = main_metric(settings, scored=scored)

    def trial(passed: bool, reason: str, main: Comparison = _NOTHING, **parts: tuple[Comparison, ...]) -> Trial:
        return Trial(
            id=id,
            model=settings.name,
            environment=settings.environment,
            champion=champion,
            candidate=candidate,
            window=window,
            rows=main.n or rows.n,
            at=at,
            passed=passed,
            reason=reason,
            main=main if main.metric else Comparison(metric=name, champion=None, candidate=None, difference=None),
            method=main.method,
            notes=notes,
            guards=parts.get("guards", ()),
            segments=parts.get("segments", ()),
        )

    notes: tuple[str, ...] = ()
    metric = _known(settings, name)
    if metric is None or not metric.worse:
        return trial(False, f"validation.metric {name} is no metric of a {settings.task} model with a better side")
    needs = needed_of(name, settings)
    rows = replace(rows, champion=with_labels(rows.champion, rows.actual, settings))
    matched = match(rows, ids, with_labels(answers, rows.actual, settings), needs=needs)
    notes = matched.notes
    if matched.refused:
        return trial(False, matched.refused)
    rows = matched.rows
    if rows.n < validation.min_rows:
        return trial(False, f"only {rows.n:,} rows have truth and both answers, {validation.min_rows:,} are needed")
    needed = validation.margin if margin is None else margin
    sides = both_sides(rows, settings)
    main = _main(metric, compare(metric, rows, settings, alpha=validation.alpha, sides=sides), rows.n, needed)
    guards = tuple(_guard(each, rows, settings, sides) for each in validation.guards)
    segments = _segments(metric, rows, settings)
    failed = [each for each in (main, *guards, *segments) if each.passed is False]
    if failed:
        return trial(False, "; ".join(each.reason for each in failed[:5]), main, guards=guards, segments=segments)
    return trial(True, main.reason, main, guards=guards, segments=segments)


def _known(settings: ModelSettings, name: str) -> PerformanceMetric | None:
    return PERFORMANCE_METRICS.get(name) if name in {each.name for each in metrics_for(settings)} else None


def _comparison(
    metric: str, found: Paired, n: int, *, segment: str = "", passed: bool | None, reason: str
) -> Comparison:
    return Comparison(
        metric=metric,
        champion=found.champion,
        candidate=found.candidate,
        difference=found.difference,
        lower=found.lower,
        upper=found.upper,
        p_value=found.p_value,
        n=n,
        segment=segment,
        passed=passed,
        reason=reason,
        method=found.method,
        champion_error=found.champion_error,
    )


def _main(metric: PerformanceMetric, found: Paired, n: int, margin: float) -> Comparison:
    told = _told(metric.name, found)
    if found.difference is None:
        passed, reason = False, f"{metric.name} cannot be told: {metric.undefined}"
    elif found.lower is None:
        passed = found.difference == 0.0 and margin < 0
        reason = f"{told}: {found.method}"
    elif found.lower > margin:
        passed, reason = True, f"{told}, {'better' if margin >= 0 else 'not worse'} beyond chance"
    else:
        passed = False
        worse = found.upper is not None and found.upper < 0
        reason = f"{told}: {'worse' if worse else f'not shown to be better by more than {margin:g}'}"
    return _comparison(metric.name, found, n, passed=passed, reason=reason)


def _guard(name: str, rows: TrialRows, settings: ModelSettings, sides: Sides) -> Comparison:
    validation = settings.maintain.validation
    metric = _known(settings, name)
    if metric is None or not metric.worse:
        reason = f"guard {name} is no metric of a {settings.task} model with a better side"
        return _comparison(name, Paired(None, None), rows.n, passed=False, reason=reason)
    found = compare(metric, rows, settings, alpha=validation.alpha, sides=sides)
    if found.difference is None:
        lost = found.champion is not None
        reason = f"guard {name} cannot be told{' of the candidate' if lost else ''}: {metric.undefined}"
        return _comparison(name, found, rows.n, passed=False if lost else None, reason=reason)
    bad = _surely_worse(found, validation.guard_margin)
    reason = f"guard {_told(name, found)}: worse by more than {validation.guard_margin:g}" if bad else ""
    return _comparison(name, found, rows.n, passed=not bad, reason=reason)


def _segments(metric: PerformanceMetric, rows: TrialRows, settings: ModelSettings) -> tuple[Comparison, ...]:
    validation = settings.maintain.validation
    large = {name: mask for name, mask in rows.segments.items() if mask.sum() >= settings.min_segment_rows}
    found = []
    for name, mask in sorted(large.items()):
        part = rows.at(mask)
        paired = compare(metric, part, settings, alpha=validation.alpha / len(large))
        if paired.difference is None:
            why = f"{metric.name} cannot be told: {metric.undefined}"
            found.append(_comparison(metric.name, paired, part.n, segment=name, passed=None, reason=why))
            continue
        bad = _surely_worse(paired, validation.segment_margin)
        told = f"segment {name}: {_told(metric.name, paired)}, worse by more than {validation.segment_margin:g}"
        found.append(_comparison(metric.name, paired, part.n, segment=name, passed=not bad, reason=told if bad else ""))
    return tuple(found)


def _surely_worse(found: Paired, margin: float) -> bool:
    """Worse by more than the margin as measured, and worse than by chance."""
    if found.difference is None or found.difference >= -margin:
        return False
    return found.upper is None or found.upper < 0


def _told(metric: str, found: Paired) -> str:
    if found.candidate is None or found.champion is None:
        return metric
    ends = f", difference {found.lower:+.3g} to {found.upper:+.3g}" if found.lower is not None else ""
    return f"{metric} {found.candidate:.4g} v {found.champion:.4g}{ends}"
