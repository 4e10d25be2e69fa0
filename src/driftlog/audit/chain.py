"""The chain: who writes the next record.

A record's document id is its number, and a number can be created once; so of several writers that read the same head
one gets the next number, and the others read on and try again. There is no lock, no gap, and nothing to clean up:

- One entry is one `create`. Several entries are one `create` too: the document of the first carries the texts of the
  rest, which are written after it (`driftlog.audit.head` completes them when the writer dies in between).
- An entry with a key is recorded once: a writer looks the key up in everything up to the head it knows, and its
  `create` of the next number succeeds only if that was all. It needs no marker, so no crash can separate marker and
  record.
  Where retention dropped old records, entries about the time before its checkpoint count as recorded.
- An answer that never came leaves open whether a record was stored. The same text is tried again under the same
  number: either it is there already, or it is stored now, or somebody else has the number, and then it is not.
- Threads that wait for the one that writes hand it their entries: it takes all of them with its next `create`.
"""

from __future__ import annotations

import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import driftlog
from driftlog.audit.head import find_head, forgotten_before, recorded_keys, walk, write_rest
from driftlog.audit.records import Head, chained, documents_of, entry_fields, record_of
from driftlog.contract.audit import AuditEntry, AuditRecord
from driftlog.contract.errors import StoreError, StoreUnavailable
from driftlog.store.client import Store
from driftlog.store.documents import document_id

log = logging.getLogger("driftlog.audit")

SOFTWARE: Final = f"driftlog {driftlog.__version__}"
MAX_BATCH: Final = 1000
MAX_BATCH_CHARS: Final = 4 << 20
_REPEATS: Final = 3
"""How often a write is tried again whose answer did not come."""
_FIRST_PAUSE_S: Final = 0.002
_LONGEST_PAUSE_S: Final = 0.25
_LONGEST_RUN: Final = 16
_TURNS: Final = 4
"""After so many records in a row a writer pauses for about so many requests."""
_IDLE: Final = 3
"""Records further apart than this many requests leave room for others by themselves."""
_KNOWN_KEYS: Final = 50_000


@dataclass(slots=True)
class _Request:
    """Entries that one call wants recorded, and what became of them."""

    entries: list[dict[str, Any]]
    results: list[AuditRecord | None] = field(default_factory=list)
    error: BaseException | None = None
    done: bool = False


class Chain:
    """Writes audit records; one for a process, safe to share between threads.

    Parameters
    ----------
    software
        What writes, kept in each record.
    now, monotonic, sleep, chance
        The clocks, pausing, and random numbers for the pauses of writers that lost a race.
    """

    def __init__(
        self,
        store: Store,
        *,
        software: str = SOFTWARE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._store = store
        self._software = software
        self._now = now
        self._monotonic = monotonic
        self._sleep = sleep
        self._chance = chance
        self._head: Head | None = None
        self._known: set[str] = set()
        self._forgotten: datetime | None = None
        self._run = 0
        self._last = -math.inf
        self._took_s = 0.0
        self._waiting: list[_Request] = []
        self._queue = threading.Lock()
        self._writing = threading.Lock()

    def record(self, entry: AuditEntry) -> AuditRecord | None:
        """Record one entry; None where one with the same key was there already.

        Raises
        ------
        StoreError
            It could not be written, or nobody knows whether it was: with a key it can be tried again without harm.
        UsageError
            It is too large.
        """
        return self.record_many([entry])[0]

    def record_many(self, entries: Sequence[AuditEntry]) -> list[AuditRecord | None]:
        """Record entries one after the other, as few writes as possible; those recorded before an error stay."""
        request = _Request([entry_fields(entry) for entry in entries])
        with self._queue:
            self._waiting.append(request)
        with self._writing:
            if not request.done:
                self._serve()
        if request.error is not None:
            raise request.error
        return request.results

    def head(self) -> Head:
        """The last record now; a batch that a dead writer left unfinished is completed."""
        with self._writing:
            self._head = self._find_head() if self._head is None else walk(self._store, self._head).head
            return self._head

    def _serve(self) -> None:
        """Write what all waiting threads have handed in."""
        with self._queue:
            requests, self._waiting = self._waiting, []
        try:
            results = self._append([entry for request in requests for entry in request.entries])
        except BaseException as error:  # each of the waiting threads has to learn of it
            for request in requests:
                request.error, request.done = error, True
            raise
        for request in requests:
            n = len(request.entries)
            request.results, results = results[:n], results[n:]
            request.done = True

    def _append(self, entries: list[dict[str, Any]]) -> list[AuditRecord | None]:
        results: list[AuditRecord | None] = [None] * len(entries)
        for start, end in _parts(entries):
            for position, text in self._append_part(entries[start:end]).items():
                results[start + position] = record_of(text)
        return results

    def _append_part(self, entries: list[dict[str, Any]]) -> dict[int, str]:
        """Position -> text of each entry written; those whose key is in the chain are left out."""
        if self._head is None:
            self._head = self._find_head()
        keys = {document_id(entry["key"]) for entry in entries if entry.get("key")}
        taken = (keys & self._known) | {key for entry in entries if (key := self._dropped_key(entry))}
        taken |= recorded_keys(self._store, keys - taken, self._head)
        for attempt in itertools.count():
            wanted = _first_of_each_key(entries, taken)
            if not wanted:
                break
            texts = chained(self._head, [entries[i] for i in wanted], recorded=self._now(), software=self._software)
            lost = self._write(texts, self._head)
            if lost is None:
                self._remember(keys)
                self._give_way()
                return dict(zip(wanted, texts, strict=True))
            taken |= lost & keys
            self._run = 0
            if attempt > 0:
                self._pause(attempt)
        self._remember(keys)
        return {}

    def _dropped_key(self, entry: dict[str, Any]) -> str:
        """Key of an entry about a time whose records retention has dropped: it was recorded then."""
        at, key = str(entry.get("at") or ""), str(entry.get("key") or "")
        if not at or not key or self._forgotten is None or datetime.fromisoformat(at) >= self._forgotten:
            return ""
        return document_id(key)

    def _write(self, texts: list[str], head: Head) -> Set[str] | None:
        """Write records that follow `head`; None, or the keys of the records that were there first.

        Once the first document is stored all are recorded: an error after it is for the next writer to make good.
        """
        documents = documents_of(texts)
        number, end = documents[0]["sequence"], Head(documents[-1]["sequence"], documents[-1]["hash"])
        if not self._create(str(number), documents[0]):
            walked = walk(self._store, head)
            if walked.first_hash != documents[0]["hash"]:
                self._head = walked.head
                return walked.keys
        if len(texts) > 1:
            try:
                write_rest(self._store, texts)
            except StoreError as error:
                log.warning("audit records %s to %s: written with the next one: %s", number + 1, end.sequence, error)
                return None
        self._head = end
        return None

    def _find_head(self) -> Head:
        """The head; an index that another writer has just made answers a moment later."""
        for attempt in range(_REPEATS):
            try:
                self._forgotten = forgotten_before(self._store)
                return find_head(self._store)
            except StoreUnavailable:
                if attempt == _REPEATS - 1:
                    raise
                self._sleep(_LONGEST_PAUSE_S)
        raise AssertionError("unreachable")

    def _create(self, id: str, document: dict[str, Any]) -> bool:
        for attempt in range(_REPEATS):
            started = self._monotonic()
            if started - self._last > _IDLE * self._took_s:
                self._run = 0
            try:
                return self._store.create(self._store.names.audit, id, document)
            except StoreUnavailable:
                if attempt == _REPEATS - 1:
                    raise
                self._pause(5 + attempt)
            finally:
                self._last = self._monotonic()
                self._took_s = min(self._last - started, _LONGEST_PAUSE_S)
        raise AssertionError("unreachable")

    def _remember(self, keys: set[str]) -> None:
        """Keys that are in the chain for ever: asking again costs nothing."""
        if len(self._known) > _KNOWN_KEYS:
            self._known.clear()
        self._known |= keys

    def _pause(self, attempt: int) -> None:
        """Up to twice as long as the last one, never much longer than a request takes: losing must not make slower."""
        longest = min(max(self._took_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._sleep(self._chance() * min(_FIRST_PAUSE_S * 2 ** min(attempt, 10), longest))

    def _give_way(self) -> None:
        """After a run of records without losing, a pause: who lost needs three requests to win, who won only one."""
        self._run += 1
        if self._run >= _LONGEST_RUN:
            self._run = 0
            self._sleep(_TURNS * self._took_s * (0.5 + self._chance()))


def _parts(entries: Sequence[dict[str, Any]]) -> list[tuple[int, int]]:
    """Slices of at most `MAX_BATCH` entries and about `MAX_BATCH_CHARS` characters."""
    parts: list[tuple[int, int]] = []
    start = size = 0
    for i, entry in enumerate(entries):
        own = len(str(entry))
        if i > start and (i - start >= MAX_BATCH or size + own > MAX_BATCH_CHARS):
            parts.append((start, i))
            start, size = i, 0
        size += own
    if start < len(entries):
        parts.append((start, len(entries)))
    return parts


def _first_of_each_key(entries: Sequence[dict[str, Any]], taken: set[str]) -> list[int]:
    seen = set(taken)
    wanted = []
    for i, entry in enumerate(entries):
        key = document_id(entry["key"]) if entry.get("key") else ""
        if key and key in seen:
            continue
        seen.add(key)
        wanted.append(i)
    return wanted
