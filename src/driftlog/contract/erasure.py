"""Erasure of a subject: the job with its state, the list that keeps the subject out afterwards, and who takes part.

A subject is named by its id as events carry it (``subject.id``, a hash made by the serving app unless its masking
says otherwise). What is kept for ever is a hash of that under a salt of the installation, so that an erased subject can
be recognised when it comes back, and stands nowhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

SUBJECT_BYTES: Final = 16
EVENT_BYTES: Final = 10


class ErasedEvent(msgspec.Struct, frozen=True):
    """One prediction that is about to be erased: where it is, and which counts it is part of."""

    index: str
    id: str
    at: datetime
    model: str
    environment: str
    version: str = ""
    variant: str = ""


class ErasureJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The erasure of one subject, kept in ``<prefix>-state`` for ever.

    Attributes
    ----------
    id, hash
        `erasure_id` and `subject_hash`.
    subject
        ``subject.id`` as stored, only while the job is under way.
    model
        Only events of this model; empty: of all.
    round
        1, counted up each time the subject is erased again.
    found
        Documents by index, and rows by place, that were erased in all rounds.
    digest
        SHA-256 over the sorted index and id of this round's predictions.
    """

    id: str
    hash: str
    model: str = ""
    subject: str = ""
    by: str
    requested: datetime
    round: int = 1
    status: Literal["under_way", "done"] = "under_way"
    started: datetime
    finished: datetime | None = None
    steps: tuple[str, ...] = ()
    """Those of this round that are done."""
    found: dict[str, int] = {}
    digest: str = ""
    later: int = 0
    """Predictions and feedback that came back after the first round and were erased by the janitor."""


def subject_hash(salt: bytes, subject: str) -> str:
    """What the erasure list and the proof know a subject by.

    >>> len(subject_hash(b"salt", "4f1a")), subject_hash(b"salt", "4f1a") == subject_hash(b"other", "4f1a")
    (32, False)
    """
    return hashlib.blake2b(subject.encode("utf-8", "surrogatepass"), key=salt, digest_size=SUBJECT_BYTES).hexdigest()


def event_hash(salt: bytes, event_id: str) -> str:
    """What the erasure list knows an erased prediction by: its late truth must not be stored either."""
    return hashlib.blake2b(event_id.encode("utf-8", "surrogatepass"), key=salt, digest_size=EVENT_BYTES).hexdigest()


class ErasureList:
    """Who and what was erased; grows as jobs are read.

    >>> known = ErasureList(b"salt")
    >>> known.add_subject(subject_hash(b"salt", "4f1a"), "churn")
    >>> known.covers("churn", subject="4f1a"), known.covers("fraud", subject="4f1a"), known.covers("churn", subject="x")
    (True, False, False)
    """

    def __init__(self, salt: bytes = b"") -> None:
        self.salt = salt
        self._subjects: dict[str, set[str]] = {}
        self._events: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._subjects)

    def __len__(self) -> int:
        return len(self._subjects)

    def add_subject(self, hashed: str, model: str = "") -> None:
        """Of one model, or (empty) of all."""
        self._subjects.setdefault(hashed, set()).add(model)

    def add_events(self, hashed: Iterable[str]) -> None:
        self._events.update(hashed)

    def covers(self, model: str, *, subject: str = "", event_ids: Iterable[str] = ()) -> bool:
        """Whether an event of `model` about `subject`, or one of these events, was erased."""
        if not self._subjects:
            return False
        if subject:
            models = self._subjects.get(subject_hash(self.salt, subject), ())
            if models and ("" in models or not model or model in models):
                return True
        return bool(self._events) and any(event_hash(self.salt, id) in self._events for id in event_ids if id)


def erasure_id(hashed: str, model: str) -> str:
    """Id of the job: a subject is erased again under the same one."""
    return f"erasure|{hashed}|{model}"


class Seals(Protocol):
    """What the audit keeps of sealed predictions."""

    def leaves(self, events: Sequence[ErasedEvent]) -> Mapping[str, Any]:
        """JSON that names the leaves of these events, for the proof; asked for before anything is deleted."""

    def forget(self, events: Sequence[ErasedEvent]) -> int:
        """Delete the nonces of these events, so that their leaves say nothing; how many there were. Repeatable."""


class Spools(Protocol):
    """Copies of events that wait on this machine for delivery."""

    def ids_of(self, subject: str, model: str) -> set[str]:
        """Ids of the predictions about `subject` among them."""

    def erase(self, subject: str, prediction_ids: Iterable[str], model: str) -> Mapping[str, int]:
        """Blank the events of `subject` and the feedback on these predictions; events by file. Repeatable."""

    def out_of_reach(self) -> Sequence[Path]:
        """Files that may hold copies and cannot be read."""
