"""Label values and how many series there may be."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final, TypeVar

from driftlog.present.export.reading import Reading

MAX_LABEL: Final = 128
"""Characters of a label's value."""
OTHER: Final = "other"
MODEL: Final = "model"
T = TypeVar("T")


def clean(value: object) -> str:
    """`value` as a label's value: printable, of bounded length; what is cut ends in ``~``.

    >>> clean("a\\nb"), clean(None), len(clean("x" * 500))
    ('a b', '', 128)
    """
    return "" if value is None else _cleaned(str(value)[: MAX_LABEL + 1])


@lru_cache(maxsize=100_000)
def _cleaned(cut: str) -> str:
    if cut.isascii() and cut.isprintable() and len(cut) <= MAX_LABEL:
        return cut
    plain = "".join(" " if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") else sign for sign in cut)
    return plain if len(plain) <= MAX_LABEL else plain[: MAX_LABEL - 1] + "~"


def series(reading: Reading) -> int:
    """Series that a reading becomes: one, or one for each bucket of a histogram, its sum and its count."""
    return 1 if reading.buckets is None else len(reading.buckets.counts) + 2


def unique(readings: Iterable[Reading]) -> list[Reading]:
    """`readings` without later ones of a series that is there already: cleaned labels may become the same."""
    found: dict[object, Reading] = {}
    for reading in readings:
        found.setdefault(reading.key, reading)
    return list(found.values())


def capped(readings: Iterable[Reading], *, a_model: int, total: int) -> tuple[list[Reading], Mapping[str, int]]:
    """The first readings of each model up to `a_model` series, and of all up to `total`; series left out, by model.

    Readings come in order of importance. What belongs to no model is never left out.
    """
    kept: list[Reading] = []
    used: Counter[str] = Counter()
    dropped: Counter[str] = Counter()
    together = 0
    for reading in readings:
        model, size = reading.labels.get(MODEL), series(reading)
        if model is None:
            kept.append(reading)
        elif used[model] + size > a_model or together + size > total:
            dropped[model] += size
        else:
            used[model] += size
            together += size
            kept.append(reading)
    return kept, dropped
