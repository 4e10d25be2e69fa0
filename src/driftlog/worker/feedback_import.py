"""Feedback from files: each line an event, stored once, refused with its number and reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Final

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import FeedbackEvent
from driftlog.contract.settings import ModelSettings
from driftlog.profile.feedback_file import FeedbackLine
from driftlog.profile.files import BadLine
from driftlog.store.client import Store
from driftlog.store.feedback import feedback_event, number_of, truth_group, write_feedback

SLICE: Final = 2000
AHEAD: Final = timedelta(minutes=5)
"""Feedback that claims to be later than this after now is refused, as at the intake."""


@dataclass
class FeedbackImport:
    """What became of the lines of a file.

    `rejected`: number of the line, and why.
    """

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    rejected: list[tuple[int, str]] = field(default_factory=list)


def import_feedback(
    store: Store,
    settings: ModelSettings,
    lines: Iterable[FeedbackLine | BadLine],
    *,
    source: str,
    default_at: datetime,
    now: Callable[[], datetime],
    reject: Callable[[int, str, str], None] = lambda number, reason, text: None,
    progress: Callable[[int], None] = lambda lines: None,
) -> FeedbackImport:
    """Store the feedback of a file; a repetition stores nothing again.

    Parameters
    ----------
    default_at
        Time of lines that bring none; the same at a repetition (the file's, say), or they are stored again.
    reject
        Called with number, reason and text of each line that is not stored.
    progress
        Called with the number of the line that has been reached.

    Raises
    ------
    StoreUnavailable
        Elasticsearch stayed away; importing again goes on from there.
    """
    report = FeedbackImport()
    iterator = iter(lines)
    latest = now() + AHEAD
    while part := list(islice(iterator, SLICE)):
        events: dict[str, tuple[FeedbackEvent, int]] = {}
        for line in part:
            report.lines += 1
            try:
                event = _event(line, settings, source=source, default_at=default_at, latest=latest)
            except EventRefused as error:
                report.rejected.append((line.number, error.message))
                reject(line.number, error.message, line.text if isinstance(line, BadLine) else line.prediction_id)
                continue
            id = str(event.event.id)
            report.duplicates += id in events
            events.setdefault(id, (event, line.number))
        done = write_feedback(store, [event for event, _ in events.values()], now=now)
        report.stored += done.stored
        report.duplicates += done.duplicates
        for id, reason in done.refused:
            report.rejected.append((events[id][1], reason))
            reject(events[id][1], reason, id)
        progress(part[-1].number)
    store.refresh(store.names.every("feedback"))
    return report


def _event(
    line: FeedbackLine | BadLine, settings: ModelSettings, *, source: str, default_at: datetime, latest: datetime
) -> FeedbackEvent:
    if isinstance(line, BadLine):
        raise EventRefused("rejected", line.message)
    at = line.at or default_at
    if at > latest:
        raise EventRefused("in_the_future", f"at: {at.isoformat()} lies in the future")
    group = truth_group(line.actual, settings)
    group.rating = None if line.rating is None else number_of(line.rating, "rating")
    group.comment, group.source = line.comment, source
    return feedback_event(settings, line.prediction_id, group, at=at, came="import")
