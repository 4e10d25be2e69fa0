"""A whylogs profile, as its table, turned into rows that have the same distributions.

What is read is what ``DatasetProfileView.to_pandas()`` gives, written as CSV: a row a column, with counts, eleven
quantiles, and the frequent items of words. It holds no rows, so what is made of it has none either: each column is
right by itself, between two quantiles numbers are taken as evenly spread, and nothing is known of columns together, of
time or of truth.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

MOST_ROWS: Final = 10_000
QUANTILES: Final[dict[str, float]] = {
    "distribution/min": 0.0,
    "distribution/q_01": 0.01,
    "distribution/q_05": 0.05,
    "distribution/q_10": 0.1,
    "distribution/q_25": 0.25,
    "distribution/median": 0.5,
    "distribution/q_75": 0.75,
    "distribution/q_90": 0.9,
    "distribution/q_95": 0.95,
    "distribution/q_99": 0.99,
    "distribution/max": 1.0,
}
FREQUENT: Final = "frequent_items/frequent_strings"
OTHER: Final = "(other)"
"""Category of the words that the profile counted and did not keep."""
SEED: Final = 20130101
_WRITE: Final = "DatasetProfileView.read('profile.bin').to_pandas().to_csv('profile.csv')"

Summary = Mapping[str, Any]


def read_profile(path: Path) -> tuple[pd.DataFrame, int]:
    """(rows with the distributions of a profile, how many rows it was made of).

    Raises
    ------
    UsageError
        It is no such table: a binary profile, say.
    """
    import pandas as pd

    from driftlog.profile.files import read_table

    if path.suffix != ".csv":
        raise UsageError(f"{path} is no CSV file", remedy=f"write it as a table first: {_WRITE}")
    table = read_table(path)
    absent = [name for name in ("column", "counts/n", "types/string", *QUANTILES) if name not in table.columns]
    if absent:
        raise UsageError(f"{path} is no whylogs profile: it has no {absent[0]}", remedy=f"write one: {_WRITE}")
    summaries: dict[str, Summary] = {
        str(name): dict(zip(table.columns, row, strict=True))
        for name, row in zip(table["column"], table.itertuples(index=False, name=None), strict=True)
    }
    counted = max((int(each["counts/n"]) for each in summaries.values()), default=0)
    if not counted:
        raise UsageError(f"{path} is a profile of no rows", remedy="log some rows into it first")
    size = min(counted, MOST_ROWS)
    rng = np.random.default_rng(SEED)
    columns = {name: _column(each, size, rng) for name, each in summaries.items()}
    return pd.DataFrame(columns), counted


def _column(summary: Summary, size: int, rng: np.random.Generator) -> NDArray[Any]:
    """Values of one column in random order, missing ones as None or NaN."""
    n = _number(summary, "counts/n")
    kinds = {kind: _number(summary, f"types/{kind}") for kind in ("integral", "fractional", "boolean", "string")}
    present = sum(kinds.values())
    held = round(size * min(1.0, present / n)) if n else 0
    if kinds["string"] >= present / 2 and kinds["string"]:
        values = _words(summary, kinds["string"], held)
    elif kinds["boolean"] >= present / 2 and kinds["boolean"]:
        true = round(held * _number(summary, "counts/true") / kinds["boolean"])
        values = np.array([True] * true + [False] * (held - true), dtype=object)
    else:
        values = numbers(summary, held)
        if kinds["integral"] and not kinds["fractional"]:
            values = np.rint(values)
        return rng.permutation(np.concatenate([values, np.full(size - held, np.nan)]))
    return rng.permutation(np.concatenate([values, np.full(size - held, None, dtype=object)]))


def numbers(summary: Summary, size: int) -> NDArray[np.float64]:
    """`size` numbers in order, by linear interpolation between the quantiles.

    >>> numbers(dict(zip(QUANTILES, [0, 1, 5, 10, 25, 50, 75, 90, 95, 99, 100])), 4).tolist()
    [12.5, 37.5, 62.5, 87.5]
    """
    known = {share: _number(summary, name, np.nan) for name, share in QUANTILES.items()}
    points = [(share, value) for share, value in known.items() if np.isfinite(value)]
    if not points:
        return np.full(size, np.nan)
    shares, values = zip(*points, strict=True)
    return np.interp((np.arange(size) + 0.5) / max(1, size), shares, np.maximum.accumulate(values))


def _words(summary: Summary, counted: float, size: int) -> NDArray[Any]:
    items = frequent_items(str(summary.get(FREQUENT, "")))
    rest = counted - sum(items.values())
    if rest > 0.5:
        items[OTHER] = items.get(OTHER, 0.0) + rest
    total = sum(items.values()) or 1.0
    edges = np.rint(np.cumsum([count / total * size for count in items.values()])).astype(int)
    values = np.full(size, OTHER, dtype=object)
    start = 0
    for name, end in zip(items, edges.tolist(), strict=True):
        values[start:end] = name
        start = end
    return values


def frequent_items(text: str) -> dict[str, float]:
    """Words and their estimated counts.

    >>> frequent_items("[FrequentItem(value='basic', est=230, upper=230, lower=230)]")
    {'basic': 230.0}
    """
    try:
        listed = ast.parse(text.strip() or "[]", mode="eval").body
    except (SyntaxError, ValueError):
        return {}
    found: dict[str, float] = {}
    for item in listed.elts if isinstance(listed, ast.List) else ():
        given = {word.arg: word.value for word in item.keywords} if isinstance(item, ast.Call) else {}
        value, est = given.get("value"), given.get("est")
        if isinstance(value, ast.Constant) and isinstance(est, ast.Constant) and isinstance(est.value, (int, float)):
            found[str(value.value)] = float(est.value)
    return found


def _number(summary: Summary, name: str, default: float = 0.0) -> float:
    value = summary.get(name)
    try:
        number = float(value) if value is not None else default
    except (TypeError, ValueError):
        return default
    return number if np.isfinite(number) else default
