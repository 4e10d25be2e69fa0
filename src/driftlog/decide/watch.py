"""A new version under watch: is it worse than what it replaced, by more than chance?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from scipy import special

from driftlog.contract.maintaining import PromotionSettings
from driftlog.contract.maintenance import Evidence
from driftlog.decide.retrain_facts import Standing

FEWEST_DAYS: Final = 7
"""Days a new version must have been seen before it can be called worse."""


class Watched(msgspec.Struct, frozen=True):
    """What the watched metrics say together.

    ``worse``: at least one is. ``fine``: at least one could be judged, and none is worse. ``unknown``: none could be.
    """

    verdict: Literal["worse", "fine", "unknown"]
    evidence: tuple[Evidence, ...] = ()
    reason: str = ""


def watch(standings: Sequence[Standing], settings: PromotionSettings) -> Watched:
    """Compare each watched metric with that of the version before.

    Worse is a metric that lies beyond the other by more than `rollback_margin` on its bad side, with

        t = (value - replaced) / sqrt(error^2 + replaced_error^2)

    below Student's quantile at ``rollback_alpha / metrics``, degrees of freedom after Welch and Satterthwaite, errors
    clustered by day. Where both answered the same rows, t is that of their paired difference.

    The level is that of one look, and a watch has many: the error that costs is to take back a version that is better,
    while one that is as good as the version before may go as well as stay. docs/maintenance.md has what was measured.
    """
    known = [each for each in standings if _usable(each)]
    level = settings.rollback_alpha / max(1, len(known))
    evidence, worse = [], []
    for each in standings:
        bad = _usable(each) and _is_worse(each, settings.rollback_margin, level)
        if bad:
            worse.append(each)
        evidence.append(
            Evidence(
                kind="measurement",
                name=each.metric,
                value=each.value,
                needed=_limit(each, settings.rollback_margin),
                met=None if not _usable(each) else not bad,
                object=each.note,
            )
        )
    if worse:
        told = ", ".join(_told(each) for each in worse)
        return Watched("worse", tuple(evidence), told)
    if not known:
        notes = "; ".join(dict.fromkeys(each.note for each in standings if each.note))
        return Watched("unknown", tuple(evidence), notes or "nothing could be measured yet")
    return Watched("fine", tuple(evidence), ", ".join(_told(each) for each in known))


def _usable(each: Standing) -> bool:
    if each.gap is not None:
        return each.gap_error is not None and each.freedom >= FEWEST_DAYS - 1
    numbers = (each.value, each.replaced, each.error)
    return all(number is not None and math.isfinite(number) for number in numbers) and each.freedom >= FEWEST_DAYS - 1


def _gap(each: Standing) -> float:
    """New - replaced, turned so that more is better."""
    if each.gap is not None:
        return each.gap
    gap = (each.value or 0.0) - (each.replaced or 0.0)
    return -gap if each.worse == "above" else gap


def _is_worse(each: Standing, margin: float, level: float) -> bool:
    gap = _gap(each)
    if gap >= -margin:
        return False
    if each.gap is not None:
        error = each.gap_error or 0.0
        return not error or gap / error < float(special.stdtrit(each.gap_freedom, level))
    a, b = (each.error or 0.0) ** 2, (each.replaced_error or 0.0) ** 2
    if a + b == 0:
        return True
    freedom = (a + b) ** 2 / (a * a / each.freedom + b * b / each.replaced_freedom)
    return gap / math.sqrt(a + b) < float(special.stdtrit(freedom, level))


def _limit(each: Standing, margin: float) -> float | None:
    if each.replaced is None:
        return None
    return each.replaced + margin if each.worse == "above" else each.replaced - margin


def _told(each: Standing) -> str:
    if each.gap is not None:
        where = f"on the same {each.n:,} rows"
    else:
        where = f"{'beside it' if each.beside else 'at the trial'}, {each.n:,} rows"
    return f"{each.metric} {each.value:.3g} v {each.replaced:.3g} of the version before ({where})"
