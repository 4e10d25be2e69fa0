"""A scenario as lines: actual, scenario, change; and the thresholds that would fire."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from driftlog.contract.measurement import SEVERITY, Measurement, Verdict
from driftlog.contract.scenario import Scenario, ScenarioLine
from driftlog.present.compare_lines import DRIFT, change_words, shown, signed
from driftlog.present.text import field_name, title_of, value_text

FAMILIES: Final[tuple[tuple[str, tuple[str, ...]], ...]] = (
    ("Performance", ("performance",)),
    ("Estimated performance", ("estimated_performance",)),
    ("Predictions and truth", ("prediction_drift", "target_drift")),
    ("Features", ("data_drift", "attribution_drift")),
    ("Quality", ("quality",)),
)
"""Drift is measured against the model's reference on both sides."""


@dataclass(frozen=True)
class Line:
    """One measurement on both sides.

    Attributes
    ----------
    words
        For drift what the change does to the field: mean or shares, actual → scenario.
    fires, fired
        Whether its threshold is crossed in the scenario, and actually.
    effect
        Lines of a family are ordered by it: the size of the change.
    """

    family: str
    title: str
    measure: str
    actual: str
    scenario: str
    change: str
    words: str
    usual: str
    verdict: Verdict
    actual_verdict: Verdict
    effect: float
    source: ScenarioLine

    @property
    def fires(self) -> bool:
        return SEVERITY[self.verdict] > 0

    @property
    def fired(self) -> bool:
        return SEVERITY[self.actual_verdict] > 0


def scenario_lines(scenario: Scenario) -> list[Line]:
    """Lines by family in the order of `FAMILIES`, the largest changes first."""
    words = change_words(scenario.binning, scenario.actual, scenario.scenario)
    found = []
    for source in scenario.lines:
        m = source.either
        family = next((name for name, purposes in FAMILIES if m.purpose in purposes), "")
        if family:
            found.append(_line(family, source, words(m.field) if m.purpose in DRIFT else ""))
    order = [name for name, _ in FAMILIES]
    return sorted(found, key=lambda line: (order.index(line.family), -line.effect, line.title, line.measure))


def _line(family: str, source: ScenarioLine, words: str) -> Line:
    m = source.either
    before, after = _value(source.actual), _value(source.scenario)
    difference = after - before if before is not None and after is not None else None
    limit = m.limit.warning if m.limit is not None else None
    sign = "" if m.limit is None else "≤" if m.limit.direction == "above" else "≥"
    return Line(
        family=family,
        title=field_name(m.field) if m.field else title_of(m.metric),
        measure=title_of(m.metric) if m.field else "",
        actual=shown(m, before),
        scenario=shown(m, after),
        change=signed(m, difference),
        words=words,
        usual=f"{sign} {value_text(m, limit)}" if limit is not None else "",
        verdict=source.scenario.verdict if source.scenario is not None else "not_judged",
        actual_verdict=source.actual.verdict if source.actual is not None else "not_judged",
        effect=_effect(m, before, after),
        source=source,
    )


def _value(m: Measurement | None) -> float | None:
    return m.value if m is not None and m.value is not None and math.isfinite(m.value) else None


def _effect(m: Measurement, before: float | None, after: float | None) -> float:
    """Size of the change; a value that appears or goes counts as the whole of it."""
    if before is None and after is None:
        return -1.0
    difference = abs((after or 0.0) - (before or 0.0))
    scaled = m.unit in ("", "share") or m.purpose in DRIFT
    return difference if scaled else difference / abs(before) if before else difference


def would_fire(lines: Sequence[Line]) -> list[Line]:
    """Lines whose threshold is crossed in the scenario, the new ones first, critical before warnings."""
    fires = [line for line in lines if line.fires]
    return sorted(fires, key=lambda line: (line.fired, -SEVERITY[line.verdict], -line.effect))


def windows_needed(line: Line) -> str:
    """When an alert opens, if windows stay like this."""
    m = line.source.either
    n, of = m.limit.of_windows if m.limit is not None else (1, 1)
    return "in the first window" if n == 1 else f"after {n} of {of} windows"


def summary(scenario: Scenario, lines: Sequence[Line]) -> str:
    """The scenario in a sentence or two."""
    said = []
    main = next(iter(_headline(lines)), None)
    if main is not None:
        how = "estimated " if main.family.startswith("Estimated") else ""
        said.append(f"Expected {how}{main.title}: {main.actual} → {main.scenario}.")
    fires = would_fire(lines)
    new = list(dict.fromkeys(line.title for line in fires if not line.fired))
    if new:
        shown = ", ".join(new[:4]) + (f" and {len(new) - 4} more" if len(new) > 4 else "")
        said.append(f"Thresholds would be crossed that are not now: {shown}.")
    elif fires:
        said.append("The thresholds that would be crossed are crossed already.")
    else:
        said.append("No threshold would be crossed.")
    moved = next((m for m in scenario.moved if m.field in ("prediction.score", "prediction.value") and m.value), None)
    if moved is not None:
        said.append(f"The predictions move by {value_text(moved, moved.value)} ({title_of(moved.metric)}).")
    return " ".join(said)


def _headline(lines: Sequence[Line]) -> list[Line]:
    order = ("roc_auc", "accuracy", "mae", "rmse", "f1_macro")
    known = [
        line
        for line in lines
        if line.family in ("Performance", "Estimated performance") and _value(line.source.scenario) is not None
    ]
    ranked = [line for line in known if line.source.either.metric in order and _value(line.source.actual) is not None]
    return sorted(ranked, key=lambda line: (line.family != "Performance", order.index(line.source.either.metric)))
