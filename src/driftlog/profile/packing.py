"""Searches that count segments as well: how they are split, and how their answers are found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MAX_BUCKETS: Final = 50_000
"""Buckets of one search; the server's limit is 65,536."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Part:
    """What one search counts.

    Attributes
    ----------
    items
        Fields, or whatever is counted together.
    segments
        Segments it counts them for.
    whole
        Whether it counts them for all events, too.
    """

    items: tuple[str, ...]
    segments: tuple[str, ...]
    whole: bool = True


def pack(costs: Mapping[str, int], segments: Sequence[str]) -> list[Part]:
    """Searches of at most 50,000 buckets each.

    Items that fit with all segments share searches, in order; one that does not is counted for some segments at a time.

    Parameters
    ----------
    costs
        Buckets of each item, for one segment.

    >>> pack({"a": 20_000, "b": 20_000}, ("x",))
    [Part(items=('a',), segments=('x',), whole=True), Part(items=('b',), segments=('x',), whole=True)]
    >>> pack({"a": 20_000}, ("x", "y", "z"))
    [Part(items=('a',), segments=('x',), whole=True), Part(items=('a',), segments=('y', 'z'), whole=False)]
    """
    parts: list[Part] = []
    shared: list[str] = []
    room = 0
    for name, cost in costs.items():
        needed = (cost + 1) * (len(segments) + 1)
        if needed > MAX_BUCKETS and segments:
            each = max(1, MAX_BUCKETS // (cost + 1))
            rest = segments[each - 1 :]
            parts.append(Part((name,), tuple(segments[: each - 1])))
            parts += [Part((name,), tuple(rest[at : at + each]), False) for at in range(0, len(rest), each)]
            continue
        if needed > room and shared:
            parts.append(Part(tuple(shared), tuple(segments)))
            shared, room = [], MAX_BUCKETS
        room = room if shared else MAX_BUCKETS
        shared.append(name)
        room -= needed
    return [*parts, Part(tuple(shared), tuple(segments))] if shared or not parts else parts


def answered(part: Part, response: Body, segment: str) -> list[tuple[int, Body]]:
    """(number of documents, aggregations) of a segment in the answer to `part`; none where it was not asked for."""
    aggs = response.get("aggregations", {})
    if not segment:
        return [(hits(response), aggs)] if part.whole else []
    if segment not in part.segments:
        return []
    position = str(part.segments.index(segment))
    found = aggs.get("segments", {}).get("buckets", {}).get(position, {"doc_count": 0})
    return [(found["doc_count"], found)]


def hits(response: Body) -> int:
    """Documents the search matched."""
    return int(response["hits"]["total"]["value"])
