"""Comparing as the command line and the Python interface ask for it: sides in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from driftlog.api.times import WindowLike, as_window, parse_moment
from driftlog.contract.comparison import ANY, Comparison, Side
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import bucket_at

if TYPE_CHECKING:
    from driftlog.store.client import Store


def compare_sides(
    store: Store,
    settings: ModelSettings,
    current: WindowLike,
    reference: WindowLike = "active",
    *,
    segment: str = "",
    reference_segment: str | None = None,
    version: str | None = None,
    reference_version: str | None = None,
    variant: str | None = None,
    reference_variant: str | None = None,
    methods: Sequence[str] = (),
    environment: str | None = None,
    now: Callable[[], datetime],
    names: tuple[str, str] = ("current", "reference"),
) -> Comparison:
    """`driftlog.worker.compare.compare` with windows as people write them.

    Parameters
    ----------
    reference
        A window, ``active``, or the id of a stored reference (or its beginning).
    segment
        Of both sides, unless `reference_segment` names another for the reference.
    version, variant
        Of the current side; None is any. The reference has its own.
    names
        What the caller calls the two windows, for messages.
    """
    from driftlog.worker.compare import compare

    if environment is not None:
        settings = msgspec.structs.replace(settings, environment=environment)

    def latest() -> datetime | None:
        return latest_data(store, settings)

    here = Side(as_window(current, latest, option=names[0]), segment, version or ANY, variant or ANY)
    if not is_window(reference):
        if any(given is not None for given in (reference_segment, reference_version, reference_variant)):
            raise UsageError(
                f"{names[1]} is a stored reference: it has no other segment, version or variant",
                remedy="give a stretch of time, 2026-01-01/2026-03-01",
            )
        return compare(store, settings, here, str(reference), methods=methods, now=now)
    there = Side(
        as_window(reference, latest, option=names[1]),
        segment if reference_segment is None else reference_segment,
        reference_version or ANY,
        reference_variant or ANY,
    )
    return compare(store, settings, here, there, methods=methods, now=now)


def is_window(value: WindowLike) -> bool:
    """Whether it is a stretch of time, not the name of a stored reference (names are words of hexadecimal digits).

    >>> is_window("7d"), is_window("2026-03-02"), is_window("6244aa2f"), is_window("active")
    (True, True, False, False)
    """
    if not isinstance(value, str) or "/" in value:
        return True
    try:
        parse_moment(value, option="")
    except UsageError:
        return False
    return True


def latest_data(store: Store, settings: ModelSettings) -> datetime | None:
    """The end of the bucket that holds the newest prediction; None before the first."""
    from driftlog.store.predictions import find_predictions

    newest = find_predictions(store, settings.name, environment=None, size=1)
    if not newest:
        return None
    return bucket_at(datetime.fromisoformat(str(newest[0]["@timestamp"])), settings.bucket).end
