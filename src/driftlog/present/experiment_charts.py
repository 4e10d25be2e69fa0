"""Charts of an experiment: the confidence sequence as units came in, the arms' means, units against the plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final

from markupsafe import Markup

from driftlog.contract.experiment import Arm, Comparison, ExperimentResult, Look
from driftlog.contract.window import DAY, Window
from driftlog.present.charts.axes import LOW, TOP, Frame, time_axis, value_axis
from driftlog.present.charts.lines import Level, Line, Point, line_chart
from driftlog.present.charts.scales import Linear, Timeline, value_scale
from driftlog.present.charts.svg import WIDTH, chart, element, path, text, titled
from driftlog.present.experiment_text import difference, interval, mean, p_text
from driftlog.present.text import clean, number

SEQUENCE: Final = Frame(height=320.0)
_FIRST: Final = 0.2
"""Share of the looks that may leave the chart above and below."""
_ROW: Final = 46.0
_NAMES: Final = 170.0


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def span_of(result: ExperimentResult) -> Window | None:
    """From the first day with units to the end of the data, or to the planned end where that is near."""
    days = [look.day for comparison in result.comparisons for look in comparison.looks]
    if not days:
        return None
    first, last = midnight(min(days)), midnight(max(days)) + DAY
    if result.end is not None and result.end > last:
        last = min(result.end, last + (last - first))
    return Window(first, last)


def sequence_chart(comparison: Comparison, result: ExperimentResult) -> Markup:
    """Difference and confidence sequence by the day on which units were first seen; empty without any value.

    Zero is a solid line, the differences smaller than the minimum effect a grey zone; marks are filled where the
    sequence has left zero.
    """
    span = span_of(result)
    looks = [look for look in comparison.looks if look.difference is not None]
    if span is None or not looks:
        return Markup("")
    frame, timeline = SEQUENCE, SEQUENCE.timeline(span)
    scale = _scale(looks, result, frame)
    kind = result.kind
    parts = _zone(result.minimum_effect, frame, scale)
    parts += [*value_axis(frame, scale, lambda v: _tick(v, kind), count=6), *time_axis(frame, timeline)]
    parts.append(element("line", x1=frame.left, x2=frame.right, y1=scale(0.0), y2=scale(0.0), class_="zero"))
    if result.end is not None and span.start < result.end <= span.end:
        parts += _planned_end(result.end, frame, timeline)
        parts += _end_interval(comparison, result, timeline, scale)
    parts += _band(looks, timeline, scale)
    line = [(timeline(_until(look)), _inside(look.difference or 0.0, scale)) for look in looks]
    if len(line) > 1:
        parts.append(element("path", d=path(line), class_="line tone0"))
    parts += [_mark(look, timeline, scale, kind, many=len(looks) > 60) for look in looks]
    parts += _last(comparison, frame, scale, kind)
    parts += [text(name, frame.right + 8, y, class_="side") for name, y in _sides(result)]
    names = f"{clean(comparison.treatment)} minus {clean(result.control.variant)}"
    label = f"{names}: difference and confidence sequence over time"
    return chart(parts, height=frame.height, width=frame.width, label=label)


def _until(look: Look) -> datetime:
    return midnight(look.day) + timedelta(hours=12)


def _scale(looks: Sequence[Look], result: ExperimentResult, frame: Frame) -> Linear:
    """Wide enough for the minimum effect and for all but the first intervals, which are wider than any effect."""
    later = looks[int(len(looks) * _FIRST) :]
    bounds = [b for look in later for b in (look.lower, look.upper, look.difference) if b is not None]
    return value_scale([-1.6 * result.minimum_effect, 1.6 * result.minimum_effect, *bounds], frame.bottom, TOP)


def _tick(value: float, kind: str) -> str:
    scaled = value * 100 if kind == "binary" else value
    text = f"{scaled:+g}".replace("-", "−") if scaled else "0"
    return f"{text} pp" if kind == "binary" else text


def _inside(value: float, scale: Linear) -> float:
    return scale(max(scale.low, min(scale.high, value)))


def _zone(effect: float, frame: Frame, scale: Linear) -> list[Markup]:
    top, bottom = _inside(effect, scale), _inside(-effect, scale)
    box = {"x": frame.left, "y": top, "width": frame.right - frame.left, "height": bottom - top}
    return [titled("rect", "Differences smaller than the minimum effect", **box, class_="zone")]


def _planned_end(end: datetime, frame: Frame, timeline: Timeline) -> list[Markup]:
    x = timeline(end)
    return [
        element("line", x1=x, x2=x, y1=TOP, y2=frame.bottom, class_="level"),
        text("planned end", x - 6, TOP + 11, class_="tick", anchor="end"),
    ]


def _end_interval(comparison: Comparison, result: ExperimentResult, timeline: Timeline, scale: Linear) -> list[Markup]:
    """The interval of the test at the planned end, once it is reached."""
    low, high = comparison.fixed_lower, comparison.fixed_upper
    if not result.ended or result.end is None or low is None or high is None:
        return []
    x = timeline(result.end)
    title = f"At the planned end: {interval(low, high, result.kind)}, p = {p_text(comparison.fixed_p_adjusted)}"
    box = {"x": x - 4, "y": _inside(high, scale), "width": 8.0, "height": _inside(low, scale) - _inside(high, scale)}
    return [titled("rect", title, **box, rx=4.0, class_="at-end")]


def _band(looks: Sequence[Look], timeline: Timeline, scale: Linear) -> list[Markup]:
    bounded = [(timeline(_until(k)), k.lower, k.upper) for k in looks if k.lower is not None and k.upper is not None]
    if not bounded:
        return []
    if len(bounded) == 1:
        x, low, high = bounded[0]
        return [element("line", x1=x, x2=x, y1=_inside(low, scale), y2=_inside(high, scale), class_="whisker")]
    upper = [(x, _inside(high, scale)) for x, _, high in bounded]
    lower = [(x, _inside(low, scale)) for x, low, _ in bounded]
    return [
        element("path", d=path([*upper, *reversed(lower)], close=True), class_="band tone0"),
        element("path", d=path(upper), class_="edge"),
        element("path", d=path(lower), class_="edge"),
    ]


def _mark(look: Look, timeline: Timeline, scale: Linear, kind: str, *, many: bool) -> Markup:
    title = (
        f"{look.day}: {difference(look.difference, kind)} ({interval(look.lower, look.upper, kind)}), "
        f"p = {p_text(look.p_value)}, {look.control_units:,} and {look.treatment_units:,} units"
    )
    apart = look.lower is not None and look.upper is not None and (look.lower > 0 or look.upper < 0)
    style = "mark tone0" if apart else "mark tone0 hollow"
    x, y = timeline(_until(look)), _inside(look.difference or 0.0, scale)
    return titled("circle", title, cx=x, cy=y, r=2.2 if many else 3.6, class_=style)


def _last(comparison: Comparison, frame: Frame, scale: Linear, kind: str) -> list[Markup]:
    """The newest difference, written beside its point."""
    y = _inside(comparison.difference or 0.0, scale)
    return [text(difference(comparison.difference, kind), frame.right + 8, y + 4, class_="line-name tone0")]


def _sides(result: ExperimentResult) -> list[tuple[str, float]]:
    """What the upper and the lower half of the chart mean."""
    better, worse = ("better ↑", "worse ↓") if result.direction == "above" else ("better ↓", "worse ↑")
    up, down = (better, worse) if "↑" in better else (worse, better)
    return [(up, TOP + 4), (down, SEQUENCE.bottom)]


def arms_chart(result: ExperimentResult) -> Markup:
    """Mean and 95 % interval of each arm, one below the other."""
    arms = [arm for arm in result.arms if arm.mean is not None]
    if not arms:
        return Markup("")
    ends = [v for arm in arms for v in (arm.lower, arm.upper, arm.mean) if v is not None]
    low, high = min(ends), max(ends)
    air = (high - low) * 0.12 or abs(high) * 0.1 or 1.0
    across = Linear(low - air, high + air, _NAMES, WIDTH - 150.0)
    bottom = 8 + _ROW * len(arms)
    parts: list[Markup] = []
    for tick in across.ticks(6):
        parts.append(element("line", x1=across(tick), x2=across(tick), y1=4, y2=bottom + 4, class_="grid"))
        parts.append(text(mean(tick, result.kind), across(tick), bottom + 20, anchor="middle"))
    for index, arm in enumerate(arms):
        parts += _arm(arm, 8 + _ROW * (index + 0.5), across, result, control=arm is result.control)
    return chart(parts, height=bottom + 28, label="Mean of each variant with its 95 % interval")


def _arm(arm: Arm, y: float, across: Linear, result: ExperimentResult, *, control: bool) -> list[Markup]:
    tone = "reference" if control else "current"
    value = arm.mean or 0.0
    title = f"{clean(arm.variant)}: {mean(arm.mean, result.kind)} over {arm.units:,} {result.unit}s"
    parts = [
        text(clean(arm.variant, 22), _NAMES - 16, y - 1, class_="row-name", anchor="end"),
        text("control" if control else "treatment", _NAMES - 16, y + 14, anchor="end"),
    ]
    if arm.lower is not None and arm.upper is not None:
        x, width = across(arm.lower), across(arm.upper) - across(arm.lower)
        box = {"x": x, "y": y - 7, "width": max(1.0, width), "height": 14.0, "rx": 7.0}
        parts.append(titled("rect", title, **box, class_=f"span {tone}"))
    parts.append(titled("circle", title, cx=across(value), cy=y, r=5.0, class_=f"dot {tone}"))
    parts.append(text(mean(arm.mean, result.kind), WIDTH - 136, y - 1, class_="row-name"))
    parts.append(text(f"{arm.units:,} {result.unit}s", WIDTH - 136, y + 14))
    return parts


def collection_chart(result: ExperimentResult) -> Markup:
    """Units of each arm as they came in, and what the plan wants of each (equal shares only)."""
    span = span_of(result)
    if span is None:
        return Markup("")
    lines = [_units(result.control.variant, result.comparisons[0].looks, control=True, tone=1)]
    for index, comparison in enumerate(result.comparisons[:2]):
        lines.append(_units(comparison.treatment, comparison.looks, control=False, tone=2 * index))
    levels = []
    shares = {arm.share for arm in result.arms}
    if result.planned_units and len(shares) == 1:
        levels.append(Level("planned", result.planned_units * result.arms[0].share, "reference"))
    return line_chart(
        lines, span, label="Units collected in each variant", form=number, levels=levels, frame=LOW, floor=0.0
    )


def _units(name: str, looks: Sequence[Look], *, control: bool, tone: int) -> Line:
    points = []
    for look in looks:
        units = look.control_units if control else look.treatment_units
        window = Window(midnight(look.day), midnight(look.day) + DAY)
        points.append(Point(window, float(units), title=f"{look.day}: {units:,} in {clean(name)}"))
    return Line(clean(name, 11), tuple(points), tone)
