"""The rows of a trial: the same predictions, answered by champion and candidate, with their truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Words = NDArray[np.str_]
MOST_MISSING: Final = 0.01
"""A candidate that leaves more of the rows unanswered is refused: it may be the hard ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What one version says, a row each.

    Attributes
    ----------
    label
        Predicted label; empty where there is none.
    score, value
        NaN where there is none.
    """

    label: Words
    score: Floats
    value: Floats

    def at(self, chosen: NDArray[np.bool_]) -> Answers:
        return Answers(self.label[chosen], self.score[chosen], self.value[chosen])

    @classmethod
    def of(
        cls,
        n: int,
        *,
        label: Sequence[str] | None = None,
        score: Sequence[float | None] | None = None,
        value: Sequence[float | None] | None = None,
    ) -> Answers:
        """Of sequences of length `n`; what is left out is missing everywhere."""
        return cls(
            np.asarray(label if label is not None else [""] * n, dtype=np.str_),
            np.asarray(score if score is not None else [np.nan] * n, dtype=np.float64),
            np.asarray(value if value is not None else [np.nan] * n, dtype=np.float64),
        )


@dataclass(frozen=True, slots=True, eq=False)
class TrialRows:
    """Labelled rows with both answers.

    Attributes
    ----------
    ids
        Of the predictions.
    day
        Local day of each prediction, as any whole number: the clusters.
    actual, actual_value
        The truth: labels of a classification, numbers of a regression.
    segments
        Name -> which rows are in it.
    """

    ids: tuple[str, ...]
    day: NDArray[np.int64]
    actual: Words
    actual_value: Floats
    champion: Answers
    candidate: Answers
    segments: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        return len(self.ids)

    def at(self, chosen: NDArray[np.bool_]) -> TrialRows:
        """Those rows alone."""
        return TrialRows(
            tuple(id for id, keep in zip(self.ids, chosen.tolist(), strict=True) if keep),
            self.day[chosen],
            self.actual[chosen],
            self.actual_value[chosen],
            self.champion.at(chosen),
            self.candidate.at(chosen),
            {name: mask[chosen] for name, mask in self.segments.items()},
        )


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """Rows that both answered; `refused` says why there can be no trial, `notes` what was left out."""

    rows: TrialRows
    refused: str = ""
    notes: tuple[str, ...] = ()


def match(rows: TrialRows, ids: Sequence[str], answers: Answers, *, needs: str) -> Matched:
    """`rows` with the candidate's `answers` (to `ids`, in any order) put beside the champion's.

    Parameters
    ----------
    rows
        Its candidate's answers are replaced.
    needs
        What the main metric is computed from: ``score``, ``label`` or ``value``. Rows where one side lacks it, or gives
        NaN, are left out.
    """
    if len(set(ids)) < len(ids):
        return Matched(rows, f"{len(ids) - len(set(ids)):,} rows are answered more than once")
    place = {id: index for index, id in enumerate(ids)}
    found = np.asarray([place.get(id, -1) for id in rows.ids], dtype=np.int64)
    known = found >= 0
    if not known.any():
        return Matched(rows, "the candidate's answers are to other rows: no id is one of the trial's")
    notes = []
    others = len(ids) - int(known.sum())
    if others:
        notes.append(f"{others:,} answers are to rows that are not in the trial")
    taken = Answers(
        np.where(known, answers.label[found], ""),
        np.where(known, answers.score[found], np.nan),
        np.where(known, answers.value[found], np.nan),
    )
    rows = replace(rows, candidate=taken)
    has_candidate, has_champion = _has(rows.candidate, needs), _has(rows.champion, needs)
    lacking = int((~has_candidate & has_champion).sum())
    asked = int(has_champion.sum())
    if not asked:
        return Matched(rows, f"the champion's predictions have no {needs}: choose another validation.metric")
    if lacking == asked:
        return Matched(rows, f"the candidate gives no {needs}, or NaN alone")
    if lacking > MOST_MISSING * asked:
        return Matched(rows, f"the candidate gives no {needs} for {lacking:,} of {asked:,} rows")
    if lacking:
        notes.append(f"{lacking:,} of {asked:,} rows have no {needs} of the candidate and are left out")
    if asked < rows.n:
        notes.append(f"{rows.n - asked:,} rows have no {needs} of the champion and are left out")
    return Matched(rows.at(has_candidate & has_champion), notes=tuple(notes))


def _has(answers: Answers, needs: str) -> NDArray[np.bool_]:
    if needs == "label":
        return np.asarray(answers.label != "", dtype=np.bool_)
    return np.isfinite(answers.score if needs == "score" else answers.value)
