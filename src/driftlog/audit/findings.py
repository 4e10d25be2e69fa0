"""What a verification found: counts, and problems that name what they are about."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

ProblemKind = Literal["changed", "removed", "inserted", "reordered", "forged", "unfinished"]
MAX_PROBLEMS: Final = 10_000
"""Problems told one by one; further ones are counted."""


class Problem(msgspec.Struct, frozen=True):
    """One thing that is not as it was recorded.

    Attributes
    ----------
    kind
        ``unfinished``: what a writer that died left behind, or somebody removed; nothing is lost.
    where
        ``record 12``, ``prediction e-1 of churn``, ``part 0 of seal churn|production|...``.
    what
        One sentence.
    """

    kind: ProblemKind
    where: str
    what: str


@dataclass
class Findings:
    """What a verification looked at, and what it found.

    Attributes
    ----------
    records, seals, predictions
        Looked at.
    erased, dropped, waiting
        Leaves of erased predictions; leaves in dropped periods; predictions that came in after the last sealing.
    signatures, anchors
        Of heads, and heads from outside, that hold.
    notes
        What could not be looked at, and why.
    """

    records: int = 0
    first: int = 0
    last: int = 0
    seals: int = 0
    predictions: int = 0
    erased: int = 0
    dropped: int = 0
    waiting: int = 0
    signatures: int = 0
    anchors: int = 0
    problems: list[Problem] = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.kinds

    def add(self, kind: ProblemKind, where: str, what: str) -> None:
        self.kinds[kind] += 1
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, where, what))

    def summary(self) -> dict[str, Any]:
        """As JSON, without the problems themselves."""
        counts = (
            "records", "first", "last", "seals", "predictions", "erased", "dropped", "waiting", "signatures", "anchors"
        )  # fmt: skip
        return {"ok": self.ok, **{name: getattr(self, name) for name in counts}, "problems": dict(self.kinds)}
