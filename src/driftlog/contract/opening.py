"""Hours of the week: ``08:00-18:00`` on ``mon-fri``, as settings write them."""

from __future__ import annotations

import re
from typing import Final

import msgspec

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*(?:([01]\d|2[0-3]):([0-5]\d)|(24):(00))\Z")


class Opening(msgspec.Struct, frozen=True):
    """Hours on days of the week, in local time.

    Attributes
    ----------
    start, end
        Minutes after midnight; an `end` at or before `start` is on the next day.
    days
        Days on which it begins, Monday is 0.
    """

    start: int = 0
    end: int = 1440
    days: frozenset[int] = frozenset(range(7))

    @property
    def always(self) -> bool:
        return (self.start, self.end) == (0, 1440) and len(self.days) == 7


def parse_opening(hours: str, days: str) -> Opening:
    """The opening that `hours` and `days` write; empty is all of them.

    Raises
    ------
    ValueError
        It is written in another way.

    >>> parse_opening("08:00-18:30", "mon-wed, sun") == Opening(480, 1110, frozenset({0, 1, 2, 6}))
    True
    >>> parse_opening("22:00-06:00", "").end, parse_opening("", "").always
    (360, True)
    """
    start, end = _parse_hours(hours) if hours.strip() else (0, 1440)
    return Opening(start, end, _parse_days(days) if days.strip() else frozenset(range(7)))


def _parse_hours(text: str) -> tuple[int, int]:
    match = _HOURS.match(text.strip())
    if match is None:
        raise ValueError(f"{text[:40]!r} are no hours; write 08:00-18:00")
    numbers = [int(part) for part in match.groups() if part is not None]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start == end:
        raise ValueError(f"{text[:40]!r} begin and end at once; leave hours empty for the whole day")
    return start, end


def _parse_days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.lower().split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if first not in DAYS or (dash and last not in DAYS):
            raise ValueError(f"{text[:40]!r} are no days; write mon-fri, or mon,wed,fri")
        begin, length = DAYS.index(first), (DAYS.index(last) - DAYS.index(first)) % 7 if dash else 0
        found.update((begin + step) % 7 for step in range(length + 1))
    return frozenset(found)
