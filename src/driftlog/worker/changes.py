"""Stated changes of the outside world: features shifted, features set, the mix of the traffic changed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from driftlog.contract.errors import UsageError
from driftlog.contract.segment import Between, canonical_segment, parse_segment
from driftlog.profile.columns import category_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

_AMOUNT: Final = re.compile(r"(?P<sign>[+*x-])(?P<number>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+)(?P<percent>%?)\Z")
_SHIFT: Final = "write distance=+20%, temp=-3 or distance=*1.5"
_SET: Final = "write humid=missing, carrier=UA or temp=75"
_MIX: Final = "write origin=EWR:0.8, a segment and its new share of the traffic"
MISSING: Final = "missing"
ROUNDS: Final = 200


@dataclass(frozen=True, slots=True)
class Shift:
    """A number changed: ``factor * x + offset``."""

    field: str
    factor: float
    offset: float
    text: str


@dataclass(frozen=True, slots=True)
class Fix:
    """A feature set to one value in every row; None is missing."""

    field: str
    value: str | None
    text: str


@dataclass(frozen=True, slots=True)
class Mix:
    """A segment's new share of the traffic."""

    segment: str
    share: float
    text: str


Change = Shift | Fix | Mix


def parse_shift(text: str) -> Shift:
    """A shift: ``+20%``, ``-3``, ``*1.5``.

    >>> parse_shift("distance=+20%").factor, parse_shift("temp=-3").offset
    (1.2, -3.0)
    """
    name, amount = _split(text, "shift", _SHIFT)
    match = _AMOUNT.match(amount.replace(" ", ""))
    if match is None:
        raise UsageError(f"shift {text[:80]!r} has no amount that can be read", remedy=_SHIFT)
    number = float(match["number"]) / (100 if match["percent"] else 1)
    if not math.isfinite(number):
        raise UsageError(f"shift {text[:80]!r} is too large", remedy=_SHIFT)
    if match["sign"] in "*x":
        return Shift(name, number, 0.0, text)
    signed = -number if match["sign"] == "-" else number
    return Shift(name, 1.0 + signed, 0.0, text) if match["percent"] else Shift(name, 1.0, signed, text)


def parse_set(text: str) -> Fix:
    """A feature's value in every row.

    >>> parse_set("humid=missing").value is None, parse_set("carrier=UA").value
    (True, 'UA')
    """
    name, value = _split(text, "set", _SET)
    return Fix(name, None if value == MISSING else value, text)


def parse_mix(text: str) -> Mix:
    """A segment's share.

    >>> parse_mix("origin=EWR:0.8").share, parse_mix("distance=[500,):25%").segment
    (0.8, 'features.distance=[500,)')
    """
    segment, colon, share = text.rpartition(":")
    try:
        number = float(share.removesuffix("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        number = math.nan
    if not colon or not segment or not 0.0 <= number <= 1.0:
        raise UsageError(f"mix {text[:80]!r} names no share between 0 and 1", remedy=_MIX)
    return Mix(canonical_segment(segment), number, text)


def _split(text: str, what: str, remedy: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    name, value = name.strip(), value.strip()
    if not (name and equals and value):
        raise UsageError(f"{what} {text[:80]!r} is not NAME=VALUE", remedy=remedy)
    return name if name.startswith("features.") else f"features.{name}", value


def parse_changes(shifts: Sequence[str] = (), sets: Sequence[str] = (), mixes: Sequence[str] = ()) -> list[Change]:
    """All changes of a scenario, in the order they are made: the mix first, then shifts, then values."""
    return [*map(parse_mix, mixes), *map(parse_shift, shifts), *map(parse_set, sets)]


def mix_only(changes: Sequence[Change]) -> bool:
    """Whether rows stay as they are and only their number changes: then their truth is known."""
    return all(isinstance(change, Mix) for change in changes)


def apply_changes(frame: pd.DataFrame, changes: Sequence[Change], *, seed: int) -> tuple[pd.DataFrame, float]:
    """`frame` under the changes, as many rows, and the number of rows that as much is known from.

    Rows are resampled systematically (each in proportion to its weight, to within one), in order of time, so that days
    keep their shares; the share of each segment is met to within one row. Missing numbers stay missing under a shift.

    Raises
    ------
    UsageError
        A feature is not there, is no number where one is needed, or a segment has no rows to give it a share.
    """
    mixes = [change for change in changes if isinstance(change, Mix)]
    result, effective = _mixed(frame, mixes, seed) if mixes else (frame.copy(), float(len(frame)))
    for change in changes:
        if isinstance(change, Shift):
            result[change.field] = _shifted(result, change)
        elif isinstance(change, Fix):
            result[change.field] = _fixed(result, change)
    return result, effective


def _mixed(frame: pd.DataFrame, mixes: Sequence[Mix], seed: int) -> tuple[pd.DataFrame, float]:
    weights = mix_weights(frame, mixes)
    chosen = _systematic(weights, len(frame), np.random.default_rng(seed))
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    return frame.iloc[chosen].reset_index(drop=True), effective


def mix_weights(frame: pd.DataFrame, mixes: Sequence[Mix]) -> Floats:
    """A weight a row, so that each segment has its share: iterative proportional fitting from equal weights.

    Source: Deming and Stephan, "On a least squares adjustment of a sampled frequency table", 1940.
    """
    masks = [_members(frame, mix) for mix in mixes]
    weights = np.full(len(frame), 1.0 / len(frame))
    for _ in range(ROUNDS if len(mixes) > 1 else 1):
        for mix, inside in zip(mixes, masks, strict=True):
            share = float(weights[inside].sum())
            if (share <= 0.0 < mix.share) or (share >= 1.0 > mix.share):
                raise UsageError(f"mix {mix.text}: the mixes contradict each other", remedy="state fewer of them")
            weights = np.where(
                inside,
                weights * (mix.share / share if share > 0 else 0.0),
                weights * ((1.0 - mix.share) / (1.0 - share) if share < 1 else 0.0),
            )
    reached = [float(weights[inside].sum()) for inside in masks]
    if any(abs(share - mix.share) > 0.01 for share, mix in zip(reached, mixes, strict=True)):
        raise UsageError("the mixes cannot all be had at once", remedy="state fewer of them, or shares that fit")
    return weights


def _members(frame: pd.DataFrame, mix: Mix) -> Mask:
    inside = segment_rows(frame, mix.segment)
    if not inside.any() and mix.share > 0:
        raise UsageError(
            f"mix {mix.text}: no row of the sample is in {mix.segment}",
            remedy=_known(frame, parse_segment(mix.segment)),
        )
    if inside.all() and mix.share < 1:
        raise UsageError(
            f"mix {mix.text}: every row of the sample is in {mix.segment}", remedy="choose a narrower segment"
        )
    return inside


def segment_rows(frame: pd.DataFrame, segment: str) -> Mask:
    """Which rows are in a segment."""
    inside = np.ones(len(frame), dtype=bool)
    for field, condition in parse_segment(segment).items():
        column = frame[_feature(frame, field)]
        if isinstance(condition, Between):
            numbers = pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64)
            low = -math.inf if condition.low is None else condition.low
            high = math.inf if condition.high is None else condition.high
            inside &= (numbers >= low) & (numbers < high)
        else:
            names = column.astype(object).map(category_name, na_action="ignore")
            inside &= (names == condition).to_numpy(dtype=bool, na_value=False)
    return inside


def _systematic(weights: Floats, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Positions of `n` rows, each drawn in proportion to its weight, in order; equal weights get their share to a row.

    Rows are lined up by weight, those of one weight in order of time, and drawn at equal steps from a random start.
    """
    order = np.argsort(weights, kind="stable")
    cumulative = np.cumsum(weights[order]) / weights.sum()
    at = (np.arange(n) + rng.random()) / n
    drawn = np.minimum(np.searchsorted(cumulative, at, side="right"), len(weights) - 1)
    return np.sort(order[drawn]).astype(np.int64)


def _shifted(frame: pd.DataFrame, change: Shift) -> pd.Series[Any]:
    column = frame[_feature(frame, change.field)]
    numbers = pd.to_numeric(column, errors="coerce").astype("float64")
    if column.notna().any() and not numbers.notna().any():
        raise UsageError(f"shift {change.text}: {change.field} holds no numbers", remedy="--set gives it another value")
    return numbers * change.factor + change.offset


def _fixed(frame: pd.DataFrame, change: Fix) -> pd.Series[Any]:
    column = frame[_feature(frame, change.field)]
    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype):
        try:
            number = math.nan if change.value is None else float(change.value)
        except ValueError:
            raise UsageError(f"set {change.text}: {change.field} holds numbers", remedy=_SET) from None
        return pd.Series(np.full(len(frame), number), index=frame.index)
    known = column.dropna()
    booleans = bool(len(known)) and all(isinstance(value, (bool, np.bool_)) for value in known)
    value: object = change.value
    if booleans and change.value is not None:
        if change.value not in ("true", "false"):
            raise UsageError(f"set {change.text}: {change.field} is true or false", remedy=_SET)
        value = change.value == "true"
    return pd.Series([value] * len(frame), index=frame.index, dtype=object)


def _feature(frame: pd.DataFrame, field: str) -> str:
    if field in frame:
        return field
    raise UsageError(
        f"the window has no feature {field.removeprefix('features.')!r}", remedy=_known(frame, {field: ""})
    )


def _known(frame: pd.DataFrame, conditions: Any) -> str:
    """What the features, or the values of one, are called."""
    names = [str(name).removeprefix("features.") for name in frame if str(name).startswith("features.")]
    for field in conditions:
        if field in frame:
            common = frame[field].astype(object).map(category_name, na_action="ignore").value_counts().index[:8]
            return f"{field} has values such as {', '.join(map(str, common))}"
        near = difflib.get_close_matches(field.removeprefix("features."), names, n=1)
        if near:
            return f"did you mean {near[0]}?"
    return f"features are {', '.join(names[:15])}"
