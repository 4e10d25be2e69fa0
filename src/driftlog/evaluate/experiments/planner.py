"""Plans: how many units an experiment needs, looked at once, at any time, or both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

from driftlog.contract.errors import UsageError
from driftlog.contract.experiment import Design, Detectable, ExperimentPlan
from driftlog.evaluate.experiments.power import detectable_effect, total_units

LOOKS_SHARE: Final = 0.2
"""With a planned end this share of alpha is spent on looking before it, the rest on the test at the end.

By Bonferroni the two together are wrong at most with probability alpha, however often somebody looks.
"""
ONE_LOOK: Final = "one look, at the planned end"
ANY_LOOK: Final = "any look, no end"
BOTH: Final = "any look, and a planned end"
_DAYS: Final = (7, 14, 28, 56, 84)
_PATHS, _STEP, _FARTHEST = 8000, 0.02, 6.0


def split_alpha(alpha: float, *, has_end: bool) -> tuple[float, float]:
    """(alpha of the sequential test, alpha of the test at the end).

    >>> [round(level, 6) for level in split_alpha(0.05, has_end=True)], split_alpha(0.05, has_end=False)
    ([0.01, 0.04], (0.05, 0.05))
    """
    return (alpha * LOOKS_SHARE, alpha * (1 - LOOKS_SHARE)) if has_end else (alpha, alpha)


def plan_experiment(
    *,
    effect: float,
    baseline: float | None = None,
    sd: float | None = None,
    shares: Sequence[float] = (0.5, 0.5),
    alpha: float = 0.05,
    power: float = 0.8,
    traffic: float | None = None,
    source: str = "",
) -> ExperimentPlan:
    """Units and days that find `effect` with `power`.

    Parameters
    ----------
    effect
        Absolute and signed: 0.01 is one percentage point up.
    baseline
        The control's proportion (binary), or its mean (numeric, for show).
    sd
        Standard deviation over units: the target is numeric.
    shares
        Of the units, control first.
    traffic
        New units a day, over all arms.

    Raises
    ------
    UsageError
        Values that no experiment has.
    """
    _check(effect, baseline, sd, shares, alpha, power, traffic)

    def total(level: float) -> int:
        return total_units(baseline=baseline, sd=sd, effect=effect, alpha=level, power=power, shares=shares)

    def design(name: str, level: float, units: int, average: float | None) -> Design:
        return Design(
            name=name,
            alpha=level,
            units=tuple(math.ceil(units * share - 1e-9) for share in shares),
            total=units,
            days=units / traffic if traffic else None,
            average_total=None if average is None else math.ceil(average),
            average_days=average / traffic if traffic and average is not None else None,
        )

    treatments = len(shares) - 1
    looking, ending = split_alpha(alpha, has_end=True)
    once, at_end, looking_plan = total(alpha), total(ending), total(looking)
    times = crossing_times(alpha / treatments, power)
    most = sequential_stretch(alpha / treatments, power)
    early = crossing_times(looking / treatments, power) * looking_plan
    return ExperimentPlan(
        kind="binary" if sd is None else "numeric",
        baseline=baseline,
        sd=sd,
        effect=effect,
        alpha=alpha,
        power=power,
        shares=tuple(shares),
        traffic=traffic,
        source=source,
        designs=(
            design(ONE_LOOK, alpha, once, None),
            design(BOTH, alpha, at_end, float(np.minimum(early, at_end).mean())),
            design(ANY_LOOK, alpha, math.ceil(once * most), float(np.minimum(times, most).mean()) * once),
        ),
        detectable=_by_days(baseline, sd, effect, alpha / treatments, power, shares, traffic),
        notes=_notes(treatments),
    )


def sequential_stretch(alpha: float, power: float) -> float:
    """How many times the units of a fixed plan the sequential test needs to be decided with probability `power`.

    >>> 1.5 < sequential_stretch(0.05, 0.8) < 1.8
    True
    """
    return float(np.quantile(crossing_times(alpha, power), power))


@lru_cache(maxsize=32)
def crossing_times(alpha: float, power: float) -> NDArray[np.float64]:
    """When 8,000 experiments with the planned effect are decided by the sequential test, looked at all the time.

    In units of the fixed plan's size at the same alpha (1.0: as many units as one look needs); 6.0 where they are not
    decided by then. A Brownian motion with drift ``z_(1-alpha/2) + z_power`` against the boundary
    ``sqrt((t + r) (ln((t + r) / r) + 2 ln(1 / alpha)))``, looked at every fiftieth of a plan; seeded.
    """
    drift = float(special.ndtri(power) - special.ndtri(alpha / 2))
    r = 1.0 / (-float(special.lambertw(-alpha * alpha / math.e, k=-1).real) - 1.0)
    t = np.arange(1, int(_FARTHEST / _STEP) + 1) * _STEP
    boundary = np.sqrt((t + r) * (np.log((t + r) / r) - 2 * math.log(alpha)))
    generator = np.random.default_rng(20_240_611)
    found = []
    for _ in range(8):
        steps = generator.standard_normal((_PATHS // 8, t.size)) * math.sqrt(_STEP) + drift * _STEP
        crossed = np.abs(np.cumsum(steps, axis=1)) >= boundary
        found.append(np.where(crossed.any(axis=1), t[crossed.argmax(axis=1)], _FARTHEST))
    return np.sort(np.concatenate(found))


def _by_days(
    baseline: float | None,
    sd: float | None,
    effect: float,
    alpha: float,
    power: float,
    shares: Sequence[float],
    traffic: float | None,
) -> tuple[Detectable, ...]:
    if not traffic:
        return ()
    smallest = min(shares[1:])
    return tuple(
        Detectable(
            days=days,
            total=int(traffic * days),
            effect=detectable_effect(
                baseline=baseline,
                sd=sd,
                n_control=shares[0] * traffic * days,
                n_treatment=smallest * traffic * days,
                alpha=alpha,
                power=power,
                sign=1 if effect > 0 else -1,
            ),
        )
        for days in _DAYS
    )


def _notes(treatments: int) -> tuple[str, ...]:
    notes = [
        f"With a planned end {LOOKS_SHARE:.0%} of alpha is spent on looking before it and the rest on the test at the "
        "end, so that looking costs a few more units and no false alarms.",
        "Units are newly seen subjects. Run whole weeks, and at least two, so that every weekday counts alike.",
    ]
    if treatments > 1:
        notes.append(f"{treatments} treatments share alpha (Bonferroni); the verdict uses Holm, which needs no more.")
    return tuple(notes)


def _check(
    effect: float,
    baseline: float | None,
    sd: float | None,
    shares: Sequence[float],
    alpha: float,
    power: float,
    traffic: float | None,
) -> None:
    values = [value for value in (effect, baseline, sd, alpha, power, traffic, *shares) if value is not None]
    if not all(map(math.isfinite, values)):
        raise UsageError("a figure of the plan is not finite", remedy="write numbers such as 0.2")
    if effect == 0:
        raise UsageError("the effect is 0", remedy="name the smallest difference worth finding, such as 0.01")
    if sd is not None and sd <= 0:
        raise UsageError(f"the standard deviation {sd:g} is not positive", remedy="give that of the units' means")
    if sd is None and baseline is None:
        raise UsageError("neither baseline nor sd is known", remedy="give --baseline (binary) or --sd (numeric)")
    if sd is None and baseline is not None:
        if not 0 <= baseline <= 1:
            raise UsageError(f"the baseline {baseline:g} is no proportion", remedy="give --sd for a numeric target")
        if not 0 <= baseline + effect <= 1:
            raise UsageError(
                f"baseline {baseline:g} and effect {effect:+g} leave 0 to 1", remedy="the effect is absolute: 0.01"
            )
    if len(shares) < 2 or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-6:
        raise UsageError(
            f"shares {', '.join(f'{share:g}' for share in shares)} do not sum to 1",
            remedy="give one for each variant, control first, such as 0.5,0.5",
        )
    if not 0 < alpha < 0.5:
        raise UsageError(f"alpha {alpha:g} is not between 0 and 0.5", remedy="write 0.05, say")
    if not 0.5 <= power < 1:
        raise UsageError(f"power {power:g} is not between 0.5 and 1", remedy="write 0.8, say")
    if traffic is not None and traffic <= 0:
        raise UsageError(f"traffic {traffic:g} is not positive", remedy="give new units a day")
