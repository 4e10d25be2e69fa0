"""Erasing a subject: the order of the work, and who comes back.

The job is a document with its state, and every step can be repeated: whoever finds a job under way goes on with it. The
predictions go last, because everything else is found by them; their counts are noted before and released to the worker
after. What came in meanwhile is found by looking again, and makes another round.

Everything that deletes runs with the janitor's credentials. The worker, which may not delete predictions, counts the
noted buckets anew (`erased_buckets`), and reports subjects that came back (`returned`).
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from driftlog.audit.erase import subject_entry
from driftlog.contract.audit import Recorder
from driftlog.contract.binning import Binning
from driftlog.contract.erasure import ErasedEvent, ErasureJob, Seals, Spools, erasure_id, subject_hash
from driftlog.contract.errors import StoreConflict, StoreUnavailable, UsageError
from driftlog.contract.profile import ProfileKey
from driftlog.contract.settings import ModelSettings
from driftlog.profile.erasure import ROW_FIELDS, clean_references, environments_of, marked_keys
from driftlog.store import erasures
from driftlog.store.client import Store
from driftlog.store.values import Hit

log = logging.getLogger("driftlog.worker")

STEPS: Final = (
    "noted",
    "references",
    "spools",
    "waiting",
    "feedback",
    "joined",
    "quarantine",
    "seals",
    "predictions",
    "counts",
)
MAX_ROUNDS: Final = 10
"""A subject that comes back faster than it is erased: a serving app goes on logging it."""
SWEEP_OVERLAP: Final = timedelta(minutes=10)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def request_erasure(
    store: Store,
    subject: str,
    *,
    model: str = "",
    by: str,
    now: datetime,
    chance: Callable[[int], bytes] = secrets.token_bytes,
) -> ErasureJob:
    """Put the subject on the erasure list and open its job; one that is under way is returned as it is.

    From now on no intake stores it (each looks at the list every few seconds).

    Parameters
    ----------
    subject
        ``subject.id`` as events carry it.
    """
    hashed = subject_hash(erasures.salt_of(store, chance), subject)
    job = ErasureJob(
        id=erasure_id(hashed, model), hash=hashed, model=model, subject=subject, by=by, requested=now, started=now
    )
    if erasures.create_job(store, job, now):
        return job
    found = erasures.load_job(store, job.id)
    if found is None:
        raise StoreUnavailable("the erasure's job cannot be read back", remedy="run it again")
    known, hit = found
    if known.status == "under_way":
        return known
    again = msgspec.structs.replace(
        known, subject=subject, by=by, started=now, round=known.round + 1, status="under_way", steps=(), finished=None
    )
    erasures.save_job(store, again, hit, now)
    return again


@dataclass(slots=True)
class Eraser:
    """Carries out jobs.

    Attributes
    ----------
    recorder, seals
        The audit's.
    spools
        Copies on this machine; None where they are left alone.
    actor
        Who runs this.
    settle
        Waits until every intake has read the list.
    reached
        Told of each step, before it is done.
    """

    store: Store
    recorder: Recorder
    seals: Seals
    spools: Spools | None
    actor: str
    now: Callable[[], datetime]
    settle: Callable[[], None] = lambda: None
    reached: Callable[[str], None] = lambda step: None

    def carry_out(self, id: str) -> ErasureJob:
        """Do what is left of the job `id`, round after round until nothing of the subject is found.

        Raises
        ------
        UsageError
            No such job, somebody else works on it, or the subject comes back faster than it is erased.
        """
        found = erasures.load_job(self.store, id)
        if found is None:
            raise UsageError(f"there is no erasure {id!r}", remedy="`driftlog erase --list` shows them")
        job, hit = found
        try:
            return self._work(job, hit)
        except StoreConflict as error:
            raise UsageError(
                f"somebody else works on the erasure of {job.hash}", remedy="let it finish: `driftlog erase --list`"
            ) from error

    def _work(self, job: ErasureJob, hit: Hit) -> ErasureJob:
        first = job.round
        while job.status == "under_way":
            events = self._events(job)
            for step in STEPS:
                if step in job.steps:
                    continue
                self.reached(step)
                job = getattr(self, f"_{step}")(job, events)
                job = msgspec.structs.replace(job, steps=(*job.steps, step))
                hit = erasures.save_job(self.store, job, hit, self.now())
            self.reached("done")
            self.settle()
            more = self._is_left(job)
            if more and job.round - first >= MAX_ROUNDS:
                raise UsageError(
                    f"the subject {job.hash} is stored again as soon as it is erased",
                    remedy="a serving app or Logstash still sends it: stop that, then `driftlog erase --resume`",
                )
            self.recorder.record(subject_entry(job, "done", actor=self.actor, at=self.now()))
            self.reached("recorded")
            if more:
                job = msgspec.structs.replace(job, round=job.round + 1, steps=())
            else:
                job = msgspec.structs.replace(job, status="done", subject="", finished=self.now())
            hit = erasures.save_job(self.store, job, hit, self.now())
        return job

    def count(self, job: ErasureJob) -> ErasureJob:
        """`job` with what there is to erase, by index."""
        events = self._events(job)
        ids = self._ids(job, events)
        for kind in ("feedback", *erasures.JOINED, "quarantine"):
            self.store.refresh(self.store.names.every(kind))
        counts = Counter(event.index for event in events)
        for hits in (
            erasures.feedback_of(self.store, job.subject, ids, job.model),
            erasures.joined_of(self.store, job.subject, ids, job.model),
            erasures.quarantined_of(self.store, job.subject, ids, job.model),
        ):
            counts.update(index for index, _ in {(hit["_index"], hit["_id"]) for hit in hits})
        return _counted(job, counts)

    # Steps: each finds what it deletes anew, and may be repeated

    def _events(self, job: ErasureJob) -> list[ErasedEvent]:
        self.store.refresh(self.store.names.all_predictions(job.model or None))
        prefix = self.store.names.prefix
        return [erasures.event_of(hit, prefix) for hit in erasures.events_of(self.store, job.subject, job.model)]

    def _ids(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> list[str]:
        waiting = self.spools.ids_of(job.subject, job.model) if self.spools is not None else set()
        return sorted({event.id for event in events} | waiting)

    def _noted(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        """List the predictions' ids, note their buckets, count everything, and record what is about to go."""
        ids = self._ids(job, events)
        erasures.remember_events(self.store, job, ids, self.now())
        erasures.mark_buckets(self.store, job, events, self.now())
        job = self.count(job)
        came_back = len(events) if job.round > 1 else 0
        job = msgspec.structs.replace(job, digest=erasures.digest_of(events), later=job.later + came_back)
        leaves = self.seals.leaves(events)
        self.recorder.record(subject_entry(job, "intended", actor=self.actor, at=self.now(), leaves=leaves))
        return job

    def _references(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        replaced: dict[str, str] = {}
        for model in sorted({event.model for event in events}):
            hits = erasures.events_of(self.store, job.subject, model, source=ROW_FIELDS)
            replaced |= clean_references(self.store, model, hits)
        return _counted(job, Counter({f"reference {old} (now {new})": 1 for old, new in replaced.items()}))

    def _spools(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        if self.spools is None:
            return job
        ids = self._ids(job, events)
        return _counted(job, Counter(self.spools.erase(job.subject, ids, job.model)))

    def _waiting(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        self.store.refresh(self.store.names.state)
        erasures.delete_hits(self.store, erasures.waiting_of(self.store, job.subject, set(self._ids(job, events))))
        return job

    def _feedback(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        found = erasures.feedback_of(self.store, job.subject, self._ids(job, events), job.model)
        erasures.delete_hits(self.store, found)
        return job

    def _joined(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        for kind in erasures.JOINED:
            self.store.refresh(self.store.names.every(kind))
        found = erasures.joined_of(self.store, job.subject, self._ids(job, events), job.model)
        erasures.delete_hits(self.store, found)
        return job

    def _quarantine(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        found = erasures.quarantined_of(self.store, job.subject, self._ids(job, events), job.model)
        erasures.delete_hits(self.store, found)
        return job

    def _seals(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        self.seals.forget(events)
        return job

    def _predictions(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:
        hits = [{"_index": event.index, "_id": event.id} for event in events]
        erasures.delete_hits(self.store, hits)
        return job

    def _counts(self, job: ErasureJob, events: Sequence[ErasedEvent]) -> ErasureJob:  # noqa: ARG002
        erasures.release_marks(self.store, job)
        return job

    def _is_left(self, job: ErasureJob) -> bool:
        for kind in ("feedback", *erasures.JOINED):
            self.store.refresh(self.store.names.every(kind))
        found = (
            erasures.feedback_of(self.store, job.subject, (), job.model),
            erasures.joined_of(self.store, job.subject, (), job.model),
        )
        return bool(self._events(job)) or any(next(hits, None) is not None for hits in found)


def count_subject(eraser: Eraser, subject: str, model: str = "") -> ErasureJob:
    """What an erasure would erase; nothing is written. Without copies in spools and rows in references."""
    hashed = subject_hash(erasures.salt_of(eraser.store), subject)
    now = eraser.now()
    return eraser.count(
        ErasureJob(
            id=erasure_id(hashed, model),
            hash=hashed,
            model=model,
            subject=subject,
            by=eraser.actor,
            requested=now,
            started=now,
        )
    )


def _counted(job: ErasureJob, more: Counter[str]) -> ErasureJob:
    return msgspec.structs.replace(job, found=dict(Counter(job.found) + more))


# Who came back: the janitor


def resume(eraser: Eraser) -> list[ErasureJob]:
    """Go on with every job that is under way."""
    under_way = [job for job in erasures.list_jobs(eraser.store) if job.status == "under_way"]
    return [eraser.carry_out(job.id) for job in under_way]


@dataclass(frozen=True, slots=True)
class Swept:
    """What a sweep erased again: jobs, and late feedback on predictions that are gone."""

    jobs: tuple[ErasureJob, ...] = ()
    feedback: int = 0


def sweep(eraser: Eraser, *, thorough: bool = False) -> Swept:
    """Erase again whatever came in about erased subjects since the last sweep, by whichever way.

    Parameters
    ----------
    thorough
        Look at everything, whenever it came in: a restored snapshot brings events of long ago.
    """
    store, began = eraser.store, eraser.now()
    known = erasures.read_list(store)
    last = None if thorough else erasures.swept_until(store)
    since = last - SWEEP_OVERLAP if last is not None else _EPOCH
    jobs: list[ErasureJob] = []
    feedback = 0
    if known:
        store.refresh(store.names.all_predictions())
        for kind in ("feedback", *erasures.JOINED):
            store.refresh(store.names.every(kind))
        jobs_there = {job.id for job in erasures.list_jobs(store)}
        for subject, model in sorted(erasures.returned_subjects(store, known, since)):
            hashed = subject_hash(known.salt, subject)
            scope = "" if erasure_id(hashed, "") in jobs_there else model
            if erasure_id(hashed, scope) not in jobs_there:  # names no model, and was erased of one only
                continue
            job = request_erasure(store, subject, model=scope, by=eraser.actor, now=eraser.now())
            jobs.append(eraser.carry_out(job.id))
        deleted = erasures.delete_hits(store, erasures.returned_feedback(store, known, since))
        feedback = sum(deleted.values())
    erasures.write_swept(store, began)
    return Swept(tuple(jobs), feedback)


# The worker's part


def returned(store: Store, settings: ModelSettings, *, since: datetime) -> int:
    """Erased subjects with predictions of this model ingested from `since` on, which the janitor has yet to sweep."""
    n = erasures.count_returned(store, erasures.read_list(store), settings.name, since)
    if n:
        log.warning(
            "%s: %d erased subjects came back; `driftlog janitor run --yes` erases them again", settings.name, n
        )
    return n


def erased_buckets(store: Store, settings: ModelSettings, binning: Binning) -> tuple[list[ProfileKey], list[Hit]]:
    """(buckets that an erasure has left to count anew, the marks to drop with `forget_marks` once that is done)."""
    marks = erasures.read_marks(store, settings.name, environments_of(settings))
    return marked_keys(marks, settings, binning), marks


def forget_marks(store: Store, marks: Sequence[Hit]) -> None:
    """The buckets of these marks were counted anew."""
    erasures.drop_marks(store, marks)
