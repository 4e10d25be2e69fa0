"""What normalising needs to know beside the bytes: the rules of the installation, and when and how the bytes came."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import msgspec

from driftlog.contract.names import IndexNames, Period
from driftlog.contract.settings import Settings
from driftlog.intake.timestamps import format_timestamp

_PERIOD_CHARS: Final[dict[Period, int]] = {"day": 10, "month": 7, "year": 4}
_CACHE_LIMIT: Final = 10_000
_ANY_AGE: Final = datetime(1, 1, 1, tzinfo=UTC)
_END_OF_TIME: Final = datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One document on its way to Elasticsearch."""

    kind: str
    """``predictions``, ``feedback``, ``resources``, ``payloads`` or ``quarantine``."""
    model: str
    """Empty where the event names none."""
    index: str
    id: str
    hash: str
    """``event.hash`` as the sender gave it, or empty."""
    document: bytes
    raw: bytes
    """The line as it came."""
    spliced: bool = False
    """The document is the sender's own bytes with two fields inserted."""

    def bulk_lines(self) -> bytes:
        """Action and document, as `_bulk` wants them, without the last newline."""
        return b'{"create":{"_index":"%b","_id":%b}}\n%b' % (
            self.index.encode(),
            msgspec.json.encode(self.id),
            self.document,
        )


class Rules:
    """Settings of one installation that decide what becomes of an event, with caches of names.

    Parameters
    ----------
    names
        Index names.
    max_age, max_ahead
        Accepted distance of ``@timestamp`` from now; `max_age` None accepts any age.
    max_event_bytes, max_features
        Larger events, and events with more features, are refused.
    """

    def __init__(
        self,
        names: IndexNames,
        *,
        max_age: timedelta | None = timedelta(days=730),
        max_ahead: timedelta = timedelta(minutes=5),
        max_event_bytes: int = 10_485_760,
        max_features: int = 1000,
    ) -> None:
        self.names = names
        self.max_age = max_age
        self.max_ahead = max_ahead
        self.max_event_bytes = max_event_bytes
        self.max_features = max_features
        self.feature_names: set[str] = set()
        self._indices: dict[tuple[str, str], str] = {}
        self._period_chars = _PERIOD_CHARS[names.period]

    @classmethod
    def of(cls, settings: Settings) -> Rules:
        intake = settings.intake
        return cls(
            IndexNames(settings.prefix, settings.period),
            max_age=intake.max_age,
            max_ahead=intake.max_ahead,
            max_event_bytes=intake.max_event_bytes,
            max_features=intake.max_features,
        )

    def predictions_index(self, model: str, timestamp: str) -> str:
        """Index of a prediction; `timestamp` is a full one in UTC. Raises `NameRefused`."""
        key = (model, timestamp[: self._period_chars])
        index = self._indices.get(key)
        if index is None:
            index = self.names.predictions(model, datetime.fromisoformat(timestamp))
            if len(self._indices) >= _CACHE_LIMIT:
                self._indices.clear()
            self._indices[key] = index
        return index

    def monthly_index(self, kind: str, timestamp: str) -> str:
        """Index of feedback or resources."""
        return f"{self.names.prefix}-{kind}.{timestamp[:7]}"

    def knows_features(self, features: dict[str, Any]) -> bool:
        """Whether all names were checked before."""
        return self.feature_names.issuperset(features)

    def remember_feature(self, name: str) -> None:
        if len(self.feature_names) >= _CACHE_LIMIT:
            self.feature_names.clear()
        self.feature_names.add(name)


class Arrival:
    """One batch of bytes: when it came, how, and its identity.

    Parameters
    ----------
    rules
        The installation's.
    now
        Time of arrival, aware.
    source
        ``http``, ``tcp`` or ``file``.
    batch
        Gives the identity of the batch: equal when the same batch is sent again, different for another one. It is
        asked for only when an event is refused, because it costs a hash over the batch.
    """

    def __init__(self, rules: Rules, *, now: datetime, source: str, batch: Callable[[], str]) -> None:
        self.rules = rules
        self.now = now
        self.source = source
        self._batch = batch
        self.ingested = format_timestamp(now)
        self.oldest = now - rules.max_age if rules.max_age is not None else _ANY_AGE
        self.newest = min(now, _END_OF_TIME - rules.max_ahead) + rules.max_ahead
        self.minutes: dict[tuple[str, str], str] = {}
        """Index by model and minute, for minutes that are accepted from their first to their last microsecond."""
        self.splice_event = b'"event":{"ingested":"%b",' % self.ingested.encode()
        self.splice_driftlog = b'"driftlog":{"source":"%b",' % source.encode()
        self.splice_end = b',"driftlog":{"source":"%b"}}' % source.encode()

    @cached_property
    def batch(self) -> str:
        return self._batch()
