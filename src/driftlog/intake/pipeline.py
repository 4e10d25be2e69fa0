"""From documents to Elasticsearch: group commit, and what each answer means.

Documents of one call of `Pipeline.store` are one chunk. While bulks are under way, waiting chunks gather; the next bulk
takes as many as fit. Each chunk learns the fate of its own documents only.

=============================  =====================================================================
Elasticsearch says of an item  then
=============================  =====================================================================
2xx                            stored
409                            the stored document is compared: a re-send is a duplicate, another event
                               under the same id goes to quarantine (``id_reused``)
400                            quarantine (``rejected``); a spliced document is first written anew
401, 403, 404, 429, 5xx        tried again with back-off, then the chunk fails and its sender keeps it
=============================  =====================================================================
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from driftlog.contract.errors import StoreAccessDenied, StoreError, StoreRejected, StoreUnavailable
from driftlog.intake.arrival import Accepted
from driftlog.intake.fate import Fate, same_event
from driftlog.intake.stats import Outcome, Stats
from driftlog.store.bulk_stream import BulkStream, ItemFailure

log = logging.getLogger(__name__)

MAX_BULK_BYTES: Final = 5_000_000
MAX_IN_FLIGHT: Final = 2
RETRY_DELAYS_S: Final = (0.1, 0.3, 0.9)

Rework = Callable[[Accepted, str, str], Accepted]
"""(document, reason, message) -> what to write in its place; see `Receiver.rework`."""


class Chunk:
    """Documents stored and answered together."""

    def __init__(self, documents: Sequence[Accepted], rework: Rework) -> None:
        self.documents = documents
        self.rework = rework
        self.lines = [document.bulk_lines() for document in documents]
        self.size_bytes = sum(map(len, self.lines))
        self.outcome = Outcome()
        self.done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def finish(self) -> None:
        if not self.done.done():
            self.done.set_result(self.outcome)

    def fail(self, error: StoreError) -> None:
        if not self.done.done():
            self.done.set_exception(error)


class Work:
    """One document that needs more than one bulk request."""

    __slots__ = ("chunk", "document", "failure")

    def __init__(self, chunk: Chunk, document: Accepted, failure: ItemFailure | None) -> None:
        self.chunk = chunk
        self.document = document
        self.failure = failure


class Pipeline:
    """Group commit into one cluster.

    Parameters
    ----------
    bulk
        The connections.
    stats
        Counters to keep.
    sleep
        How to wait between attempts.
    """

    def __init__(
        self, bulk: BulkStream, stats: Stats, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._bulk = bulk
        self._stats = stats
        self._sleep = sleep
        self._waiting: deque[Chunk] = deque()
        self._tasks: set[asyncio.Task[None]] = set()

    async def store(self, documents: Sequence[Accepted], rework: Rework) -> Outcome:
        """Store `documents`; return when the fate of each is sealed.

        Raises
        ------
        StoreError
            Some may be stored and some not: the sender keeps all and sends again.
        """
        if not documents:
            return Outcome()
        chunk = Chunk(documents, rework)
        self._waiting.append(chunk)
        self._pump()
        return await asyncio.shield(chunk.done)

    async def drain(self) -> None:
        """Return when nothing is under way."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def _pump(self) -> None:
        while self._waiting and len(self._tasks) < MAX_IN_FLIGHT:
            chunks = [self._waiting.popleft()]
            size = chunks[0].size_bytes
            while self._waiting and size + self._waiting[0].size_bytes <= MAX_BULK_BYTES:
                chunks.append(self._waiting.popleft())
                size += chunks[-1].size_bytes
            task = asyncio.create_task(self._commit(chunks))
            self._tasks.add(task)
            task.add_done_callback(self._committed)

    def _committed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("a bulk failed in an unforeseen way", exc_info=task.exception())
        self._pump()

    async def _commit(self, chunks: list[Chunk]) -> None:
        try:
            await self._attempt(chunks)
        except StoreError as error:
            for chunk in chunks:
                chunk.fail(error)
        except BaseException as error:
            for chunk in chunks:
                chunk.fail(StoreUnavailable(f"the intake failed on a bulk: {error!r}"))
            raise
        for chunk in chunks:
            chunk.finish()

    async def _attempt(self, chunks: list[Chunk]) -> None:
        try:
            failures = await self._send(list(itertools.chain.from_iterable(chunk.lines for chunk in chunks)))
        except StoreRejected as error:
            await self._commit_apart(chunks, error)
            return
        work = self._assign(chunks, failures)
        if work:
            await self._settle(work)

    async def _commit_apart(self, chunks: list[Chunk], error: StoreRejected) -> None:
        """Elasticsearch refused a bulk as a whole: send its documents one by one."""
        work = [Work(chunk, document, None) for chunk in chunks for document in chunk.documents]
        if len(work) == 1:
            work[0].failure = ItemFailure(0, 400, "bulk", error.message)
            await self._settle(work)
            return
        for each in work:
            alone = Chunk([each.document], each.chunk.rework)
            await self._commit([alone])
            try:
                each.chunk.outcome.add(await alone.done)
            except StoreError as failed:
                each.chunk.fail(failed)

    async def _send(self, lines: list[bytes]) -> list[ItemFailure]:
        self._stats.bulks += 1
        self._stats.bulk_items += len(lines)
        for delay_s in RETRY_DELAYS_S:
            try:
                return await self._bulk.send(lines)
            except StoreUnavailable as error:
                if error.status is None:  # no connection: the sender's own back-off is the better one
                    raise
                await self._sleep(delay_s)
        return await self._bulk.send(lines)

    def _assign(self, chunks: list[Chunk], failures: list[ItemFailure]) -> list[Work]:
        """Count what was stored, and give each failure its chunk and document."""
        failed = {failure.position: failure for failure in failures}
        work: list[Work] = []
        position = 0
        for chunk in chunks:
            n_failed = 0
            if failed:
                for offset, document in enumerate(chunk.documents):
                    failure = failed.get(position + offset)
                    if failure is not None:
                        n_failed += 1
                        work.append(Work(chunk, document, failure))
                    elif document.kind == "quarantine":
                        chunk.outcome.quarantined += 1
                    else:
                        chunk.outcome.stored += 1
            else:
                n_quarantined = sum(document.kind == "quarantine" for document in chunk.documents)
                chunk.outcome.quarantined += n_quarantined
                chunk.outcome.stored += len(chunk.documents) - n_quarantined
            position += len(chunk.documents)
        return work

    async def _settle(self, work: list[Work]) -> None:
        """Follow up on documents that were not stored at once, until each has a fate or its chunk fails."""
        delays = iter(RETRY_DELAYS_S)
        while work:
            again = await self._judge(work)
            if any(each.failure is not None for each in again):
                delay_s = next(delays, None)
                if delay_s is None:
                    for each in again:
                        each.chunk.fail(_item_error(each))
                    return
                await self._sleep(delay_s)
            if not again:
                return
            self._stats.retried_items += len(again)
            failed = {f.position: f for f in await self._send([each.document.bulk_lines() for each in again])}
            work = []
            for position, each in enumerate(again):
                each.failure = failed.get(position)
                if each.failure is not None:
                    work.append(each)
                else:
                    _count(each, Fate.STORED)

    async def _judge(self, work: list[Work]) -> list[Work]:
        """Count what is decided; return what has to be written again, `failure` None where it is a new document."""
        again = []
        conflicts = [each for each in work if each.failure is not None and each.failure.status == 409]
        stored = await self._bulk.fetch([(each.document.index, each.document.id) for each in conflicts])
        for each in work:
            failure, document = each.failure, each.document
            if failure is None:
                again.append(each)
            elif failure.status == 409:
                source = stored.get((document.index, document.id))
                if source is None:  # deleted in the meantime
                    again.append(each)
                elif document.kind == "quarantine" or same_event(document, source):
                    _count(each, Fate.DUPLICATE)
                else:
                    message = f"event.id {document.id[:80]} belongs to another event in {document.index}"
                    again.append(Work(each.chunk, each.chunk.rework(document, "id_reused", message), None))
            elif failure.status == 400 and document.kind != "quarantine":
                message = f"{failure.type}: {failure.reason}"
                again.append(Work(each.chunk, each.chunk.rework(document, "rejected", message), None))
            else:
                again.append(each)
        return again


def _count(work: Work, fate: Fate) -> None:
    outcome = work.chunk.outcome
    if work.document.kind == "quarantine":
        outcome.quarantined += 1
    elif fate is Fate.STORED:
        outcome.stored += 1
    else:
        outcome.duplicates += 1


def _item_error(work: Work) -> StoreError:
    failure = work.failure
    if failure is None:
        return StoreUnavailable("Elasticsearch did not take a document in time")
    message = f"{work.document.index}: {failure.status} {failure.type}: {failure.reason}"
    if failure.status in (401, 403):
        return StoreAccessDenied(message, status=failure.status, remedy="the role needs create_doc and auto_configure")
    return StoreUnavailable(message, status=failure.status)
