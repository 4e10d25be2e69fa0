"""SVG elements as escaped markup."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from markupsafe import Markup, escape

Attribute = str | float | int | None
WIDTH: Final = 1040
"""Width of a full chart in user units; the page scales it."""


def element(tag: str, *children: str | Markup, **attributes: Attribute) -> Markup:
    """One element; strings among `children` are escaped, attributes that are None left out.

    >>> element("text", "a < b", x=1.25, class_="label")
    Markup('<text x="1.2" class="label">a &lt; b</text>')
    """
    written = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{_value(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    inner = "".join(escape(child) for child in children)
    return Markup(f"<{tag}{written}>{inner}</{tag}>" if inner else f"<{tag}{written}/>")  # noqa: S704 - escaped above


def _value(value: Attribute) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(escape(value))


def group(children: Iterable[Markup], **attributes: Attribute) -> Markup:
    """A ``g`` element."""
    return element("g", *children, **attributes)


def chart(children: Iterable[Markup], *, height: float, label: str, width: float = WIDTH) -> Markup:
    """The ``svg`` element; `label` says in words what it shows."""
    return element(
        "svg",
        *children,
        viewBox=f"0 0 {_value(float(width))} {_value(float(height))}",
        role="img",
        aria_label=label,
        preserveAspectRatio="xMinYMin meet",
    )


def text(content: str, x: float, y: float, class_: str = "tick", anchor: str = "start") -> Markup:
    """A line of text."""
    return element(
        "text", content, x=float(x), y=float(y), class_=class_, text_anchor=None if anchor == "start" else anchor
    )


def titled(shape: str, title: str, **attributes: Attribute) -> Markup:
    """A shape that shows `title` when the pointer rests on it."""
    return element(shape, element("title", title), **attributes)


def path(points: Sequence[tuple[float, float]], *, close: bool = False) -> str:
    """Path data of a polyline.

    >>> path([(0, 0), (10, 5.55)])
    'M0 0L10 5.5'
    """
    return "M" + "L".join(f"{_value(float(x))} {_value(float(y))}" for x, y in points) + ("Z" if close else "")
