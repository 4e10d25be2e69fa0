"""The default rule on real flights whose weeks are shuffled: limits from the reference's own chunks."""

from __future__ import annotations

import math

import numpy as np
from docs.figures.drawing import Panel, say, write
from markupsafe import Markup

from benchmarks._default_rule import Rule, load_year, make_stream, moved
from driftlog.evaluate.drift.registry import judged_measure

WEEKS_PLANTED = 8
CRITICAL_5_PERCENT = 1.3581
"""Kolmogorov's 5 % point."""


def draw() -> None:
    """Distance (a schedule feature) and temperature, in weeks; the last eight weeks of distance have 15 % moved."""
    rule = Rule(make_stream(load_year(), np.random.default_rng(11), shuffle="weeks"), 7)
    parts = []
    for name, box, top, planted in (
        ("features.distance", (70, 50, 490, 300), 0.2, True),
        ("features.temp", (590, 50, 1010, 300), 1.0, False),
    ):
        parts += _panel(rule, name, Panel(box, (-13, 40), (0, top)), planted=planted)
    label = "Weekly Kolmogorov-Smirnov distances against the limit that the reference's own chunks give, two features"
    write("default-rule", parts, width=1040, height=350, label=label)


def _panel(rule: Rule, name: str, panel: Panel, *, planted: bool) -> list[Markup]:
    bins, counts = rule.stream.binning.fields[name], rule.current[name].copy()
    if planted:
        generator = np.random.default_rng(1)
        counts[-WEEKS_PLANTED:] = moved(counts[-WEEKS_PLANTED:], rule.whole[name], bins, 0.15, generator)
    judged = list(rule.measure(name, counts))
    measure = judged_measure(rule.settings.drift_measures, bins)
    chunks = rule.chunks[name]
    own = measure.effect(rule.whole[name][None] - chunks, chunks, bins)
    n, m = int(rule.whole[name].sum()), int(np.median(counts.sum(axis=1)))
    iid = CRITICAL_5_PERCENT * math.sqrt(1 / n + 1 / m)
    values = [float(one.value or 0.0) for one in judged]
    limits = [one.limit.warning if one.limit and one.limit.warning else 0.0 for one in judged]
    quiet = len(values) - WEEKS_PLANTED if planted else len(values)
    breached = [one.verdict in ("warning", "critical") for one in judged]
    say(
        f"default_rule: {name}: i.i.d. 5 % point {iid:.3f}, limit {np.median(limits):.3f}; of {quiet} unchanged weeks "
        f"{sum(v > iid for v in values[:quiet])} above the first, {sum(breached[:quiet])} above the second; "
        f"of {len(values) - quiet} planted {sum(breached[quiet:])} above the second"
    )
    field = name.removeprefix("features.")
    head = f"{field}, 15 % of the mass moved at the end" if planted else f"{field}: weather differs by itself"
    parts = panel.axes(head, "weeks of flights in shuffled order", x_ticks=[-6, 10, 30], x_form=lambda v: _place(v))
    parts.append(panel.band([(-13, 0), (-0.5, 0)], [(-13, panel.y[1]), (-0.5, panel.y[1])], "grey"))
    parts += panel.dots([(i - 12, v) for i, v in enumerate(own.tolist())], "grey")
    parts.append(panel.line(list(enumerate(limits)), "ink"))
    parts.append(panel.line([(-13, iid), (40, iid)], "red dash thin"))
    parts.append(panel.line([(-13, 0.05), (40, 0.05)], "grey dash thin"))
    for bad, style in ((False, "blue"), (True, "red")):
        parts += panel.dots([(i, v) for i, v in enumerate(values) if breached[i] is bad], style, radius=4.0)
    limit = float(np.median(limits))
    above = limit > 1.0
    words = f"limit {limit:.3g}: cannot_alarm" if above else f"limit {limit:.3g}"
    parts.append(panel.name(words, 0.5, min(limit, panel.y[1]), "ink", up=-16 if above else 6))
    parts.append(panel.name(f"red line: p = 0.05 ({iid:.3f})", 31, 0.05, "red", anchor="end", up=6))
    return parts


def _place(week: float) -> str:
    return "reference's chunks" if week < 0 else f"week {week:g}"
