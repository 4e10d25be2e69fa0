"""Which segments a binning counts apart: values, quartile ranges and crossings of the fields that the settings name."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.errors import ConfigError
from driftlog.contract.segment import Between, Condition, fields_of, parse_segment, segment_name
from driftlog.contract.settings import ModelSettings
from driftlog.profile.columns import category_rows, is_numeric, numeric_rows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

log = logging.getLogger("driftlog.profile")

CROSSED_VALUES: Final = 200
"""Values of a categorical field that take part in crossings, the most frequent first."""
CROSSED_CELLS: Final = 40_000
"""Cells of one crossing that are looked at; three categorical fields take part with their 34 most frequent values."""
MAX_NAME_CHARS: Final = 1000
"""Longer names are left out: Elasticsearch would not index them."""

Crossing = Mapping[tuple[int, ...], int]
"""Rows by the positions of their conditions."""


def segment_field(name: str) -> str:
    """Dotted name of a segmentation's field; ``features.`` may be left away.

    >>> segment_field("carrier"), segment_field("model.variant")
    ('features.carrier', 'model.variant')
    """
    return next(iter(parse_segment(f"{name}=x")))


def segmentations(settings: ModelSettings) -> list[tuple[str, ...]]:
    """Dotted field names of each segmentation, without repetitions."""
    wanted = (tuple(dict.fromkeys(segment_field(name) for name in fields)) for fields in settings.segments)
    return [fields for fields in dict.fromkeys(wanted) if fields]


def missing_segmentations(binning: Binning, settings: ModelSettings) -> list[tuple[str, ...]]:
    """Segmentations that the settings name and `binning` does not count: the reference was set before they were."""
    counted = {tuple(fields_of([name])) for name in binning.segments}
    return [fields for fields in segmentations(settings) if tuple(sorted(fields)) not in counted]


def choose_segments(
    settings: ModelSettings,
    conditions: Callable[[str], Sequence[Condition] | None],
    cross: Callable[[Sequence[str], Sequence[Sequence[Condition]]], Crossing],
) -> tuple[str, ...]:
    """Canonical names of a model's segments, segmentation after segmentation, the most frequent first.

    Parameters
    ----------
    conditions
        Values (most frequent first) or ranges of a field; None where the reference does not have it.
    cross
        Counts of the combinations of several fields' conditions that occur.

    Raises
    ------
    ConfigError
        A field that the reference does not have.
    """
    names: list[str] = []
    for fields in segmentations(settings):
        choices = [_required(settings, field, conditions(field)) for field in fields]
        if len(fields) == 1:
            picked = [{fields[0]: condition} for condition in choices[0][: settings.max_segments]]
        else:
            picked = _crossed(settings, fields, choices, cross)
        if not picked:
            log.warning("%s: no segments by %s: the reference has no values to tell apart", settings.name, fields)
        names += [segment_name(part) for part in picked]
    long = [name for name in names if len(name) > MAX_NAME_CHARS]
    if long:
        log.warning("%s: %d segments have names too long to keep: %.80s", settings.name, len(long), long[0])
    return tuple(dict.fromkeys(name for name in names if len(name) <= MAX_NAME_CHARS))


def _required(settings: ModelSettings, field: str, found: Sequence[Condition] | None) -> Sequence[Condition]:
    if found is None:
        raise ConfigError(
            "this field is not in the reference",
            path=f"models.{settings.name}.segments",
            value=field,
            remedy="name a field of the reference (`driftlog reference show` lists them), or take the segmentation out",
        )
    return found


def _crossed(
    settings: ModelSettings,
    fields: Sequence[str],
    choices: Sequence[Sequence[Condition]],
    cross: Callable[[Sequence[str], Sequence[Sequence[Condition]]], Crossing],
) -> list[dict[str, Condition]]:
    words = [choice for choice in choices if choice and not isinstance(choice[0], Between)]
    room = CROSSED_CELLS // 4 ** (len(choices) - len(words))
    limit = min(CROSSED_VALUES, max(2, int(room ** (1 / len(words)) + 1e-9))) if words else CROSSED_VALUES
    choices = [choice[:limit] for choice in choices]
    if not all(choices):
        return []
    counts = cross(fields, choices)
    cells = [
        (count, {field: choice[at] for field, choice, at in zip(fields, choices, cell, strict=True)})
        for cell, count in counts.items()
        if count
    ]
    ranked = sorted(cells, key=lambda cell: (-cell[0], segment_name(cell[1])))
    return [cell for _, cell in ranked[: settings.max_segments]]


def quartile_ranges(values: NDArray[np.float64]) -> list[Condition]:
    """Ranges between the quartiles of finite values, ends open; equal quartiles are merged, none for a constant.

    Edges are rounded to the 12 digits that a segment's name keeps.

    >>> quartile_ranges(np.array([0.0, 0.0, 0.0, 1.0, 2.0]))
    [Between(low=None, high=1.0), Between(low=1.0, high=None)]
    """
    if not len(values):
        return []
    quartiles = np.quantile(values, (0.25, 0.5, 0.75), method="inverted_cdf")
    edges = sorted({float(f"{edge:.12g}") + 0.0 for edge in quartiles.tolist()})
    edges = [edge for edge in edges if (values < edge).any() and (values >= edge).any()]
    return [Between(low, high) for low, high in pairwise((None, *edges, None))] if edges else []


def frame_segments(frame: pd.DataFrame, settings: ModelSettings) -> tuple[str, ...]:
    """The segments of a reference table.

    >>> import pandas as pd

    >>> frame = pd.DataFrame({"features.a": ["x", "y", "y"], "features.b": [1.0, 2.0, 3.0]})
    >>> frame_segments(frame, ModelSettings(name="m", segments=(("a",), ("a", "b")), max_segments=2))
    ('features.a=y', 'features.a=x', 'features.a=x&features.b=[,2)', 'features.a=y&features.b=[2,3)')
    """
    rows: dict[str, tuple[NDArray[Any], tuple[Condition, ...]]] = {}

    def conditions(field: str) -> Sequence[Condition] | None:
        if field not in frame:
            return None
        if field not in rows:
            rows[field] = _positions(frame[field], declared_numeric(field, frame[field], settings))
        return rows[field][1]

    def cross(fields: Sequence[str], choices: Sequence[Sequence[Condition]]) -> Crossing:
        cells = np.stack([rows[field][0] for field in fields], axis=1)
        limits = [len(choice) for choice in choices]
        inside = ((cells >= 0) & (cells < limits)).all(axis=1)
        found, counts = np.unique(cells[inside], axis=0, return_counts=True)
        return {tuple(cell): count for cell, count in zip(found.tolist(), counts.tolist(), strict=True)}

    return choose_segments(settings, conditions, cross)


def declared_numeric(field: str, series: pd.Series[Any], settings: ModelSettings) -> bool | None:
    """How a field is divided: True into ranges, False by its values, None by values that are stored as numbers."""
    if field == "prediction.label" or not is_numeric(series):
        return False
    return None if field in {segment_field(name) for name in settings.categorical} else True


def _positions(series: pd.Series[Any], numeric: bool | None) -> tuple[NDArray[Any], tuple[Condition, ...]]:
    """(position of each row's condition, -1 for none; the conditions)."""
    import pandas as pd

    if numeric:
        values = numeric_rows(series)
        ranges = quartile_ranges(values[~np.isnan(values)])
        edges = [each.low for each in ranges if isinstance(each, Between) and each.low is not None]
        positions = np.searchsorted(edges, values, side="right")
        return np.where(np.isnan(values) | (not ranges), -1, positions), tuple(ranges)
    names = category_rows(series, numeric=numeric is None)
    codes, distinct = pd.factorize(names, use_na_sentinel=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
    order = sorted(range(len(distinct)), key=lambda at: (-counts[at], distinct[at]))
    place = np.full(len(distinct) + 1, -1)
    place[order] = np.arange(len(distinct))
    return place[codes], tuple(str(distinct[at]) for at in order)
