"""Leases: which worker looks after which model, without clocks having to agree.

Each model has a lease document in ``<prefix>-state``: holder, term, beat. A holder renews by rewriting it, so its
``seq_no`` moves; an observer that has not seen it move for one lease time *on its own monotonic clock* takes it over
with a conditional write, and counts the term up. Everything a holder writes elsewhere carries its term, so whoever was
paused and lost the lease cannot overwrite its successor. A lease document is never deleted: terms only grow.

Shares: n models over w live workers give each floor(n/w) or ceil(n/w). Whoever holds more than ceil, or is the one
with most while another live worker has less than floor, releases the surplus; free leases go to those below.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from driftlog.contract.errors import StoreConflict
from driftlog.store.client import Store
from driftlog.store.documents import document_id
from driftlog.store.values import Document, Hit

FORGET_AFTER: Final = 20
"""Lease times after which the heartbeat document of a silent worker is removed."""


@dataclass(frozen=True, slots=True)
class _Held:
    """A lease of this board: `renewed` is on its own clock, from before the write was sent."""

    term: int
    seq_no: int
    primary_term: int
    beat: int
    renewed: float


class LeaseBoard:
    """One worker's view of the leases, and what it holds.

    Parameters
    ----------
    worker_id
        Name of the worker. A board never takes what another one of the same name holds before it has expired.
    lease
        How long a lease holds without being renewed; call `heartbeat` and `claim` every third of it.
    monotonic
        Seconds on a clock that never goes back.
    """

    def __init__(self, store: Store, worker_id: str, lease: timedelta, monotonic: Callable[[], float]) -> None:
        self._store = store
        self._worker_id = worker_id
        self._life = f"{worker_id}#{uuid.uuid4().hex[:12]}"
        self._lease_s = lease.total_seconds()
        self._monotonic = monotonic
        self._held: dict[str, _Held] = {}
        self._moved: dict[str, tuple[int, float]] = {}
        """Document id -> the last ``seq_no`` seen and when, on this board's clock, it was seen first."""
        self._beat = 0

    def heartbeat(self) -> None:
        """Announce this worker."""
        self._beat += 1
        document = {"kind": "worker", "name": self._life, "holder": self._worker_id, "beat": self._beat}
        self._store.put(self._store.names.state, _worker_key(self._life), document)

    def claim(self, models: Sequence[str]) -> dict[str, int]:
        """Renew what this worker holds, release its surplus, take what is free or expired up to its fair share.

        Parameters
        ----------
        models
            All models to be shared; held ones that are not among them are released.

        Returns
        -------
        dict
            Model -> term of everything held now.
        """
        self.renew()
        leases, workers = self._observe()
        self._adopt(leases)
        for model in [model for model in self._held if model not in set(models)]:
            self._release(model)
        holdings = self._holdings(models, leases, workers)
        for model in sorted(self._held, reverse=True)[: surplus(self._life, holdings, len(models))]:
            self._release(model)
            holdings[self._life] -= 1
        room = allowance(self._life, holdings, len(models)) - len(self._held)
        for model in self._in_own_order(models):
            if room <= 0:
                break
            if model not in self._held and self._take(model, leases.get(_lease_key(model))):
                room -= 1
        return self._terms()

    def renew(self) -> dict[str, int]:
        """Renew every held lease; those that another worker took are given up."""
        for model, held in list(self._held.items()):
            started = self._monotonic()
            document = self._document(model, held.term, held.beat + 1)
            try:
                hit = self._write(model, document, held.seq_no, held.primary_term)
            except StoreConflict:
                self._held.pop(model, None)
            else:
                self._held[model] = _Held(held.term, hit.seq_no, hit.primary_term, held.beat + 1, started)
        return self._terms()

    def holds(self, model: str) -> int | None:
        """Term of a lease that is held and was renewed within one lease time; None otherwise."""
        held = self._held.get(model)
        if held is None or self._monotonic() - held.renewed >= self._lease_s:
            return None
        return held.term

    def take(self, model: str) -> int | None:
        """Take one lease whatever the shares are (for a single run); its term, None while another holds it alive.

        A lease is known to be expired only after it was watched for one lease time: call again until then.
        """
        if model not in self._held:
            leases, _ = self._observe()
            self._adopt(leases)
        if model not in self._held and not self._take(model, leases.get(_lease_key(model))):
            return None
        return self._held[model].term

    def release(self, model: str) -> None:
        """Give one lease back; nothing happens where it is not held."""
        if model in self._held:
            self._release(model)

    def release_all(self) -> None:
        """Give every lease back and take the announcement of this worker away, so that others need not wait."""
        for model in list(self._held):
            self._release(model)
        self._store.delete(self._store.names.state, _worker_key(self._life))

    def _terms(self) -> dict[str, int]:
        return {model: held.term for model, held in sorted(self._held.items())}

    def _observe(self) -> tuple[dict[str, Hit], set[str]]:
        """Lease documents by id, and the lives of live workers (this one included); note what has moved."""
        state = self._store.names.state
        self._store.refresh(state)
        moment = self._monotonic()
        leases: dict[str, Hit] = {}
        workers = {self._life}
        seen: dict[str, tuple[int, float]] = {}
        for hit in self._state_documents():
            before = self._moved.get(hit.id)
            seen[hit.id] = before if before and before[0] == hit.seq_no else (hit.seq_no, moment)
            silent_s = moment - seen[hit.id][1]
            if hit.source["kind"] == "lease":
                leases[hit.id] = hit
            elif silent_s < self._lease_s:
                workers.add(hit.source["name"])
            elif silent_s >= FORGET_AFTER * self._lease_s and hit.source["name"] != self._life:
                self._forget(hit)
        self._moved = seen
        return leases, workers

    def _state_documents(self) -> list[Hit]:
        found = self._store.search(self._store.names.state, state_body())["hits"]
        return [
            Hit(hit["_id"], hit["_source"], hit["_seq_no"], hit["_primary_term"], -1, hit["_index"])
            for hit in found["hits"]
        ]

    def _forget(self, hit: Hit) -> None:
        try:
            self._store.delete(hit.index, hit.id, if_seq_no=hit.seq_no, if_primary_term=hit.primary_term)
        except StoreConflict:
            return  # it lives after all

    def _adopt(self, leases: Mapping[str, Hit]) -> None:
        """Keep leases of this very board that it does not know of: the answer to its write was lost."""
        for hit in leases.values():
            model = hit.source["model"]["name"]
            if hit.source["name"] == self._life and model not in self._held:
                beat = int(hit.source.get("beat", 0))
                moment = self._moved[hit.id][1]
                self._held[model] = _Held(int(hit.source["term"]), hit.seq_no, hit.primary_term, beat, moment)

    def _holdings(self, models: Collection[str], leases: Mapping[str, Hit], workers: Collection[str]) -> dict[str, int]:
        """Leases by live worker; what silent workers hold counts for nobody."""
        counts = dict.fromkeys(workers, 0)
        for model in models:
            hit = leases.get(_lease_key(model))
            if hit is not None and hit.source["name"] in counts and hit.source["name"] != self._life:
                counts[hit.source["name"]] += 1
        counts[self._life] = len(self._held)
        return counts

    def _take(self, model: str, hit: Hit | None) -> bool:
        """Take the lease of `model` when it is absent, free or expired; False when it is not, or another was faster."""
        moment = self._monotonic()
        if hit is None:
            document = self._document(model, 1, 0)
            if not self._store.create(self._store.names.state, _lease_key(model), document):
                return False
            written = self._store.get(self._store.names.state, _lease_key(model))
            if written is None or written.source["name"] != self._life:
                return False
            self._held[model] = _Held(1, written.seq_no, written.primary_term, 0, moment)
            return True
        if hit.source["holder"] and moment - self._moved[hit.id][1] < self._lease_s:
            return False
        term = int(hit.source["term"]) + 1
        try:
            taken = self._write(model, self._document(model, term, 0), hit.seq_no, hit.primary_term)
        except StoreConflict:
            return False
        self._held[model] = _Held(term, taken.seq_no, taken.primary_term, 0, moment)
        return True

    def _release(self, model: str) -> None:
        held = self._held.pop(model)
        document = self._document(model, held.term, held.beat) | {"holder": "", "name": ""}
        try:
            self._write(model, document, held.seq_no, held.primary_term)
        except StoreConflict:
            return  # another worker has it already

    def _document(self, model: str, term: int, beat: int) -> Document:
        return {
            "kind": "lease",
            "model": {"name": model},
            "holder": self._worker_id,
            "name": self._life,
            "term": term,
            "beat": beat,
        }

    def _write(self, model: str, document: Document, seq_no: int, primary_term: int) -> Hit:
        return self._store.put(
            self._store.names.state, _lease_key(model), document, if_seq_no=seq_no, if_primary_term=primary_term
        )

    def _in_own_order(self, models: Sequence[str]) -> list[str]:
        """`models` in an order of this worker's own, so that several workers seldom reach for the same one."""
        return sorted(models, key=lambda model: zlib.crc32(f"{self._life}|{model}".encode()))


def allowance(own: str, holdings: Mapping[str, int], models: int) -> int:
    """How many leases the worker `own` may hold: ceil(models / workers), or floor while another is below floor.

    >>> allowance("a", {"a": 0, "b": 0}, 3), allowance("a", {"a": 1, "b": 0}, 3), allowance("a", {"a": 1, "b": 1}, 3)
    (1, 1, 2)
    """
    floor, rest = divmod(models, len(holdings))
    others_wait = any(count < floor for worker, count in holdings.items() if worker != own)
    return floor if others_wait or not rest else floor + 1


def surplus(own: str, holdings: Mapping[str, int], models: int) -> int:
    """How many leases `own` must give back.

    More than ceil: all above it. Exactly one worker, the one with most (of equals the first by name), gives one up
    while another has less than floor.

    >>> surplus("a", {"a": 4, "b": 0}, 4), surplus("a", {"a": 2, "b": 2, "c": 0}, 4)
    (2, 1)
    >>> surplus("b", {"a": 2, "b": 2, "c": 0}, 4), surplus("a", {"a": 2, "b": 1}, 3)
    (0, 0)
    """
    floor, rest = divmod(models, len(holdings))
    most = floor + 1 if rest else floor
    if holdings[own] > most:
        return holdings[own] - most
    poorest = min(holdings.values())
    richest = min(holdings, key=lambda worker: (-holdings[worker], worker))
    return 1 if richest == own and holdings[own] > floor > poorest else 0


def state_body() -> dict[str, Any]:
    """Search for all leases and heartbeats: ``{"query": {"terms": {"kind": ["lease", "worker"]}}, ...}``."""
    return {
        "query": {"terms": {"kind": ["lease", "worker"]}},
        "size": 10_000,
        "seq_no_primary_term": True,
        "track_total_hits": False,
    }


def _lease_key(model: str) -> str:
    return f"lease|{model}"


def _worker_key(life: str) -> str:
    return document_id(f"worker|{life}")
