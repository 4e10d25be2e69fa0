"""The maintenance loop as a picture: its questions, its ways out, and what each box is called in the settings."""

from __future__ import annotations

from typing import Final

from docs.figures.drawing import IMAGES, STYLE
from markupsafe import Markup

from driftlog.present.charts.svg import element, path, text

_WIDTH: Final = 1000.0
_HEIGHT: Final = 330.0
_MORE: Final = """
.box { fill: var(--card); stroke: var(--blue); stroke-width: 1.6; } .box.person { stroke: var(--red); }
.way { fill: none; stroke: var(--grey); stroke-width: 1.6; } .tip { fill: var(--grey); }
"""
_BOXES: Final = (
    (20.0, 40.0, "is there data?", "predictions"),
    (190.0, 40.0, "performance?", "how good is it?"),
    (360.0, 40.0, "acceptable?", "no trigger met"),
    (530.0, 40.0, "retrain", "may it start?"),
    (700.0, 40.0, "candidate", "trial"),
    (870.0, 40.0, "deploy", "shadow, share"),
    (870.0, 190.0, "watch", "still better?"),
    (700.0, 190.0, "rollback", "version before"),
)
_BOX: Final = (122.0, 74.0)
LABEL: Final = (
    "Is there data, how good is performance, is it acceptable: go on, or retrain, evaluate the candidate, deploy, "
    "watch, keep or roll back, and look again."
)


def draw() -> None:
    """Write docs/images/maintenance-loop.svg."""
    wide, high = _BOX
    parts = [
        element("style", Markup(STYLE + _MORE)),  # noqa: S704 - constants
        element("rect", width=_WIDTH, height=_HEIGHT, class_="card"),
    ]
    for left, top, name, note in _BOXES:
        parts += _box(left, top, name, note)
    middle = 40.0 + high / 2
    for left in (142.0, 312.0, 482.0, 652.0, 822.0):
        parts += _way([(left, middle), (left + 46, middle)])
    for left, word in ((482.0, "no"), (652.0, "done"), (822.0, "passed")):
        parts.append(text(word, left + 24, middle - 8, anchor="middle"))
    parts += _way([(870 + wide / 2, 40 + high), (870 + wide / 2, 188)])
    parts += _way([(870, 190 + high / 2), (824, 190 + high / 2)])
    parts.append(text("worse", 846, 190 + high / 2 - 8, anchor="middle"))
    low = 300.0
    parts += _way([(870 + wide / 2, 190 + high), (870 + wide / 2, low), (81, low), (81, 40 + high + 2)])
    parts += _way([(700 + wide / 2, 190 + high), (700 + wide / 2, low - 2)], tip=False)
    for left, word in ((421.0, "yes: go on"), (591.0, "not now")):
        parts += _way([(left, 40 + high), (left, low)], tip=False)
        parts.append(text(word, left + 8, 150.0))
    parts += _way([(761, 40 + high), (761, 158), (672, 158), (672, low)], tip=False)
    parts.append(text("refused", 680, 150.0))
    parts.append(text("after each cycle, one look; each decision is stored with what it rests on", 320, low + 18))
    picture = element(
        "svg",
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH:.0f} {_HEIGHT:.0f}",
        role="img",
        aria_label=LABEL,
    )
    (IMAGES / "maintenance-loop.svg").write_text(str(picture) + "\n", encoding="utf-8")


def _box(left: float, top: float, name: str, note: str) -> list[Markup]:
    wide, high = _BOX
    return [
        element("rect", x=left, y=top, width=wide, height=high, rx=8.0, class_="box"),
        text(name, left + wide / 2, top + 32, class_="head", anchor="middle"),
        text(note, left + wide / 2, top + 54, anchor="middle"),
    ]


def _way(points: list[tuple[float, float]], *, tip: bool = True) -> list[Markup]:
    drawn = [element("path", d=path(points), class_="way")]
    if not tip:
        return drawn
    (x0, y0), (x, y) = points[-2], points[-1]
    if x0 == x:
        back = -7.0 if y > y0 else 7.0
        shape = [(x - 4, y + back), (x + 4, y + back), (x, y)]
    else:
        back = -7.0 if x > x0 else 7.0
        shape = [(x + back, y - 4), (x + back, y + 4), (x, y)]
    return [*drawn, element("path", d=path(shape, close=True), class_="tip")]
