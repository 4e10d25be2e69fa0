"""What erasure means for counts and references.

Counts name nobody: the buckets that an erased prediction was part of are counted anew from the events that are left.
References hold up to 10,000 whole rows without subject or event id; those that equal an erased prediction in every
field are taken out, with their values in the exact samples, which were drawn alike. The reference's own counts stay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.profile import ProfileKey, Reference
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window, bucket_at
from driftlog.profile.documents import parse_instant
from driftlog.profile.reference_store import (
    list_references,
    load_binning,
    load_reference,
    replace_stored,
    unfinished_replacements,
)
from driftlog.profile.sample import ROW_FIELDS, encode_rows, to_frame
from driftlog.profile.scope import DEFAULT_ENVIRONMENT, own_name
from driftlog.store.client import Store
from driftlog.store.values import Document, Hit

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ROW_FIELDS", "clean_references", "marked_keys", "without_rows"]

PAGE: Final = 1_000
_MINUTE: Final = timedelta(minutes=1)

Rows = Counter[bytes]


def environments_of(settings: ModelSettings) -> tuple[str, ...]:
    """Environments of events that belong to the settings': those without one belong to ``production``."""
    own = settings.environment
    return (own, "") if own == DEFAULT_ENVIRONMENT else (own,)


def marked_keys(marks: Iterable[Hit], settings: ModelSettings, binning: Binning) -> list[ProfileKey]:
    """Buckets to count anew after an erasure: those of the predictions, which are those of their outcomes, too.

    Parameters
    ----------
    marks
        As `driftlog.store.erasures.read_marks` gives them, for `environments_of` the settings.
    """
    keys = set()
    for mark in marks:
        for text, version, variant in mark.source["value"]["minutes"]:
            minute = datetime.fromisoformat(text).replace(tzinfo=UTC)
            bucket = bucket_at(minute, settings.bucket)
            while bucket.start < minute + _MINUTE:
                keys.add(
                    ProfileKey(
                        settings.name,
                        settings.environment,
                        own_name(version),
                        own_name(variant),
                        "",
                        binning.id,
                        bucket,
                    )
                )
                bucket = bucket_at(bucket.end, settings.bucket)
    return sorted(keys)


def clean_references(store: Store, model: str, hits: Iterable[Document]) -> dict[str, str]:
    """Take the rows of these predictions out of every reference of `model`; old id -> new id of those that had some.

    A reference without the rows is another one, with an id of its own; the active one stays active. The old id then
    leads to the new one, and the old rows are gone. Repeatable: what an interrupted run left is finished first.

    Parameters
    ----------
    hits
        With ``@timestamp`` and `ROW_FIELDS`.
    """
    replaced = dict(unfinished_replacements(store, model))
    infos = list_references(store, model)
    if not infos:
        return replaced
    binnings = {info.binning_id: load_binning(store, info.binning_id) for info in infos}
    found: dict[str, Rows] = {info.id: Counter() for info in infos}
    for page in _pages(hits):
        rows = {id: _encoded(page, binning) for id, binning in binnings.items()}
        times = [parse_instant(hit["_source"]["@timestamp"]) for hit in page]
        for info in infos:
            inside = (_could_hold(info.window, at) for at in times)
            found[info.id].update(row for row, fits in zip(rows[info.binning_id], inside, strict=True) if fits)
    for info in infos:
        if not found[info.id]:
            continue
        binning = binnings[info.binning_id]
        reference = load_reference(store, info.id)
        cleaned = without_rows(reference, binning, found[info.id])
        if cleaned is not reference:
            replace_stored(store, binning, reference.id, cleaned)
            replaced[reference.id] = cleaned.id
    return replaced


def _could_hold(window: Window | None, at: datetime) -> bool:
    return window is None or at in window


def without_rows(reference: Reference, binning: Binning, wanted: Mapping[bytes, int]) -> Reference:
    """`reference` without the rows in `wanted` (as `_keys` writes them), each taken out as often as it says.

    The same object where none of them is in it.
    """
    if reference.rows is None or not wanted:
        return reference
    left = Counter(wanted)
    columns = reference.rows.columns
    keep = np.ones(reference.rows.rows, dtype=bool)
    for at, row in enumerate(_keys(columns, binning)):
        if left[row] > 0:
            left[row] -= 1
            keep[at] = False
    if keep.all():
        return reference
    gone = {name: columns[name][~keep] for name in columns}
    sample = {
        name: _less(values, gone[name][~np.isnan(gone[name])]) if name in gone else values
        for name, values in reference.sample.items()
    }
    rows = replace(reference.rows, columns={name: values[keep] for name, values in columns.items()})
    from driftlog.profile.reference_frame import with_id  # pandas; erasures are rare

    return with_id(replace(reference, rows=rows, sample=sample), binning)


def _less(values: NDArray[np.float64], gone: NDArray[np.float64]) -> NDArray[np.float64]:
    """`values` without one occurrence of each of `gone`."""
    keep = np.ones(len(values), dtype=bool)
    for value in gone:
        places = np.flatnonzero(keep & (values == value))
        if len(places):
            keep[places[0]] = False
    return values[keep]


def _encoded(hits: Sequence[Document], binning: Binning) -> list[bytes]:
    frame = to_frame(hit["_source"] for hit in hits)
    return _keys(encode_rows(frame, binning, n=len(hits)).columns, binning)


def _keys(columns: Mapping[str, NDArray[np.float64]], binning: Binning) -> list[bytes]:
    """Each row's values of the binning's fields as bytes; NaN and zero have one form each."""
    names = [name for name in sorted(binning.fields) if name in columns]
    if not names:
        return []
    table = np.column_stack([np.asarray(columns[name], dtype="<f8") for name in names]) + 0.0
    table[np.isnan(table)] = np.nan
    return [row.tobytes() for row in np.ascontiguousarray(table)]


def _pages(hits: Iterable[Document]) -> Iterator[list[Document]]:
    iterator: Iterator[Any] = iter(hits)
    while page := list(islice(iterator, PAGE)):
        yield page
