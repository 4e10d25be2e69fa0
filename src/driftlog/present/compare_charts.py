"""Charts of comparisons: two values on one scale with their intervals, and effects against what is usual."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from driftlog.present.charts.scales import Linear, value_scale
from driftlog.present.charts.svg import WIDTH, chart, element, path, text, titled

LABEL: Final = 210.0
_ROW: Final = 30.0
_TOP: Final = 8.0
_VALUES: Final = 150.0


@dataclass(frozen=True)
class Pair:
    """Two values of one metric; intervals where they have them.

    Attributes
    ----------
    verdict
        warning and critical colour the current value and mark it.
    """

    name: str
    title: str
    before: float
    now: float
    before_interval: tuple[float, float] | None = None
    now_interval: tuple[float, float] | None = None
    change: str = ""
    verdict: str = "ok"


@dataclass(frozen=True)
class Effect:
    """One field's drift, and up to where it is usual."""

    name: str
    title: str
    value: float
    usual: float | None = None
    words: str = ""
    verdict: str = "ok"


def pair_chart(pairs: Sequence[Pair], *, label: str, form: Callable[[float], str]) -> Markup:
    """One row a metric on a common scale: a hollow dot for the reference, a full one for the current side."""
    if not pairs:
        return Markup("")
    ends = [end for p in pairs for end in (*(p.before_interval or ()), *(p.now_interval or ()), p.before, p.now)]
    across = value_scale(ends, LABEL, WIDTH - _VALUES, floor=0.0, top=1.0 if max(ends) <= 1.0 else None)
    bottom = _TOP + _ROW * len(pairs)
    parts = _grid(across, bottom, form)
    for index, pair in enumerate(pairs):
        parts += _pair(pair, across, _TOP + _ROW * (index + 0.5))
    return chart(parts, height=bottom + 26, label=label)


def _grid(across: Linear, bottom: float, form: Callable[[float], str]) -> list[Markup]:
    parts = []
    for tick in across.ticks(6):
        x = across(tick)
        parts.append(element("line", x1=x, x2=x, y1=_TOP, y2=bottom, class_="grid"))
        parts.append(text(form(tick), x, bottom + 18, anchor="middle"))
    return parts


def _pair(pair: Pair, across: Linear, y: float) -> list[Markup]:
    parts = [text(pair.name, LABEL - 14, y + 4, class_="row-name", anchor="end")]
    for interval, offset, style in ((pair.before_interval, -4.0, "before"), (pair.now_interval, 4.0, "now")):
        if interval is not None:
            low, high = (across(min(max(end, across.low), across.high)) for end in interval)
            parts.append(element("line", x1=low, x2=high, y1=y + offset, y2=y + offset, class_=f"whisker {style}"))
    x0, x1 = across(pair.before), across(pair.now)
    if abs(x1 - x0) > 7:
        parts.append(element("line", x1=x0, x2=x1, y1=y, y2=y, class_="link"))
    parts.append(titled("circle", pair.title, cx=x0, cy=y, r=4.6, class_="dot before"))
    if pair.verdict in ("info", "warning", "critical"):
        triangle = [(x1, y - 7), (x1 + 7, y + 5.5), (x1 - 7, y + 5.5)]
        parts.append(titled("path", pair.title, d=path(triangle, close=True), class_=f"mark {pair.verdict}"))
    else:
        parts.append(titled("circle", pair.title, cx=x1, cy=y, r=5.0, class_="dot now"))
    parts.append(text(pair.change, WIDTH - _VALUES + 16, y + 4, class_=f"change {pair.verdict}"))
    return parts


def effect_chart(effects: Sequence[Effect], *, label: str, form: Callable[[float], str], top: float = 1.0) -> Markup:
    """Bars of effects with a tick where the usual ends; what changed stands beside each."""
    if not effects:
        return Markup("")
    end = 560.0
    highest = max([*(e.value for e in effects), *(min(e.usual, top) for e in effects if e.usual is not None), 1e-9])
    across = Linear(0.0, min(highest * 1.04, max(top, highest)), LABEL, end)
    bottom = _TOP + _ROW * len(effects)
    parts = _grid(across, bottom, form)
    for index, effect in enumerate(effects):
        parts += _effect(effect, across, _TOP + _ROW * index, end)
    return chart(parts, height=bottom + 26, label=label)


def _effect(effect: Effect, across: Linear, y: float, end: float) -> list[Markup]:
    middle = y + _ROW / 2
    style = effect.verdict if effect.verdict in ("info", "warning", "critical") else ""
    parts = [text(effect.name, LABEL - 14, middle + 4, class_="row-name", anchor="end")]
    usual = None if effect.usual is None else across(min(effect.usual, across.high))
    if usual is not None:
        box = {"x": LABEL, "y": y + 5, "width": max(0.5, usual - LABEL), "height": _ROW - 10}
        parts.append(element("rect", **box, class_="usual"))
    width = max(1.5, across(effect.value) - LABEL)
    parts.append(
        titled("rect", effect.title, x=LABEL, y=y + 9, width=width, height=_ROW - 18, rx=2, class_=f"effect {style}")
    )
    if usual is not None and effect.usual is not None and effect.usual <= across.high:
        parts.append(element("line", x1=usual, x2=usual, y1=y + 4, y2=y + _ROW - 4, class_="usual-end"))
    if style:
        x = LABEL + width + 11
        parts.append(
            element(
                "path",
                d=path([(x, middle - 5), (x + 5, middle + 4), (x - 5, middle + 4)], close=True),
                class_=f"mark {style}",
            )
        )
    parts.append(text(effect.words, end + 24, middle + 4, class_="words"))
    return parts
