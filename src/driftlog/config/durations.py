"""Durations as people write them: ``15m``, ``1h``, ``1d``, ``1w``, and sums such as ``1h30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

UNITS: Final[dict[str, timedelta]] = {
    "w": timedelta(weeks=1),
    "d": timedelta(days=1),
    "h": timedelta(hours=1),
    "m": timedelta(minutes=1),
    "s": timedelta(seconds=1),
    "ms": timedelta(milliseconds=1),
}
"""Largest first; a sum names each unit once, in this order."""

MAX_DURATION: Final = timedelta(days=36_500)
"""One hundred years: more is a typing error."""

_DURATION: Final = re.compile("".join(rf"(?:(\d{{1,15}}){unit})?" for unit in UNITS), re.ASCII)


def parse_duration(text: str) -> timedelta:
    """Duration written in `text`.

    Raises
    ------
    ValueError
        The text is not a duration; the message says how to write one.

    >>> parse_duration("15m"), parse_duration("1d12h")
    (datetime.timedelta(seconds=900), datetime.timedelta(days=1, seconds=43200))
    >>> parse_duration("15")
    Traceback (most recent call last):
    ...
    ValueError: has no unit; write 15s, 15m, 15h, 15d or 15w
    """
    text = text.strip()
    if text.isdecimal():
        raise ValueError(f"has no unit; write {', '.join(text[:15] + unit for unit in 'smhd')} or {text[:15]}w")
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        raise ValueError("is not a duration; write 30s, 15m, 1h, 1d, 1w or a sum such as 1h30m")
    total = timedelta(0)
    for count, unit in zip(match.groups(), UNITS.values(), strict=True):
        if count:
            if int(count) > MAX_DURATION // unit:
                raise ValueError("is longer than 100 years")
            total += int(count) * unit
    if total > MAX_DURATION:
        raise ValueError("is longer than 100 years")
    return total


def format_duration(duration: timedelta) -> str:
    """Shortest way to write `duration` that `parse_duration` reads back (to the millisecond).

    >>> format_duration(timedelta(days=7)), format_duration(timedelta(minutes=90)), format_duration(timedelta(days=10))
    ('1w', '1h30m', '10d')
    """
    if duration < timedelta(0):
        return "-" + format_duration(-duration)
    if duration == timedelta(0):
        return "0s"
    if duration % UNITS["w"] and not duration % UNITS["d"]:
        return f"{duration // UNITS['d']}d"
    parts, rest = [], duration
    for unit, length in UNITS.items():
        count, rest = divmod(rest, length)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts)
