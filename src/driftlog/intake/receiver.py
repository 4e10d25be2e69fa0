"""A batch of lines -> documents -> their fate. What HTTP, TCP and file tailing have in common."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from driftlog.contract.errors import EventRefused
from driftlog.contract.line_names import document_names
from driftlog.intake.arrival import Accepted, Arrival, Rules
from driftlog.intake.cloud_events import identity
from driftlog.intake.erased import Erased
from driftlog.intake.framing import Line
from driftlog.intake.normalise import normalise, too_large
from driftlog.intake.pipeline import Pipeline
from driftlog.intake.quarantine import quarantine
from driftlog.intake.registry import Registry
from driftlog.intake.stats import Outcome, Stats
from driftlog.store.bulk_stream import BulkStream

log = logging.getLogger(__name__)

SLICE_BYTES: Final = 1_000_000
"""Lines are normalised and handed on in slices of about this size: a large batch does not hold up the others."""
Read = Callable[[Line, Arrival], Accepted]
_MONTH_TURN: Final = timedelta(days=3)


class Receiver:
    """Normalises, keeps unknown models out, quarantines, and stores.

    Parameters
    ----------
    rules
        Of the installation.
    registry
        Of models.
    pipeline
        To Elasticsearch.
    bulk
        For looking documents up.
    stats
        Counters to keep.
    now
        Clock.
    erased
        Keeps out what was erased.
    """

    def __init__(
        self,
        rules: Rules,
        registry: Registry,
        pipeline: Pipeline,
        bulk: BulkStream,
        stats: Stats,
        *,
        now: Callable[[], datetime],
        erased: Erased | None = None,
    ) -> None:
        self._rules = rules
        self._erased = erased
        self._registry = registry
        self._pipeline = pipeline
        self._bulk = bulk
        self._stats = stats
        self._now = now

    async def receive(
        self, lines: Iterable[Line], *, source: str, batch: Callable[[], str], read: Read | None = None
    ) -> Outcome:
        """Return when every line is stored, known to be stored, or quarantined.

        Parameters
        ----------
        lines
            In order.
        source
            ``http``, ``tcp`` or ``file``.
        batch
            Gives the identity of the batch, see `Arrival`.
        read
            Makes the document of a line; default: `normalise`.

        Raises
        ------
        StoreError
            The sender keeps the batch and sends it again.
        """
        arrival = Arrival(self._rules, now=self._now(), source=source, batch=batch)
        under_way: list[asyncio.Task[Outcome]] = []
        part: list[Line] = []
        size = 0
        for line in lines:
            part.append(line)
            size += len(line.raw)
            if size >= SLICE_BYTES:
                under_way.append(asyncio.create_task(self._receive_part(part, arrival, read)))
                part, size = [], 0
                await asyncio.sleep(0)
        outcome = Outcome()
        try:
            outcome.add(await self._receive_part(part, arrival, read))
            for each in under_way:
                outcome.add(await each)
        finally:
            await asyncio.gather(*under_way, return_exceptions=True)
        self._stats.outcome.add(outcome)
        return outcome

    async def _receive_part(self, lines: Sequence[Line], arrival: Arrival, read: Read | None) -> Outcome:
        documents: list[Accepted] = []
        refused: list[Accepted] = []
        for line in lines:
            try:
                if line.size_bytes > self._rules.max_event_bytes:
                    raise too_large(line.size_bytes, self._rules)
                documents.append(normalise(line.raw, arrival) if read is None else read(line, arrival))
            except Exception as problem:  # noqa: BLE001 - a poisoned line must not stop its sender
                error = problem if isinstance(problem, EventRefused) else _unforeseen(problem)
                refused.append(
                    self._quarantine(
                        error, line.raw, arrival, line.position, size_bytes=line.size_bytes, names=identity(line)
                    )
                )
        if self._erased is not None:
            documents, refused = await self._erased.without(documents), await self._erased.without(refused)
        documents = await self._admit(documents, refused, arrival)
        outcome = Outcome()
        fresh = await self._not_in_last_month(refused, arrival)
        outcome.quarantined += len(refused) - len(fresh)

        def rework(document: Accepted, reason: str, message: str) -> Accepted:
            return self._rework(document, reason, message, arrival)

        outcome.add(await self._pipeline.store(documents + fresh, rework))
        return outcome

    async def _admit(self, documents: list[Accepted], refused: list[Accepted], arrival: Arrival) -> list[Accepted]:
        """`documents` without those of unknown models, whose quarantine documents join `refused`."""
        known = self._registry.known
        names = {
            document.model for document in documents if document.model not in known and document.kind != "resources"
        }
        unknown = await self._registry.admit(names) if names else names
        if not unknown:
            return documents
        admitted = []
        for document in documents:
            if document.model in unknown and document.kind != "resources":
                refused.append(self._rework(document, "unknown_model", _unknown(document.model), arrival))
            else:
                admitted.append(document)
        return admitted

    async def _not_in_last_month(self, refused: list[Accepted], arrival: Arrival) -> list[Accepted]:
        """`refused` without what a sending shortly before the turn of the month put into the index of then."""
        before = (arrival.now - _MONTH_TURN).strftime("%Y-%m")
        if not refused or before == arrival.ingested[:7]:
            return refused
        index = self._rules.monthly_index("quarantine", before)
        there = await self._bulk.fetch([(index, document.id) for document in refused])
        return [document for document in refused if (index, document.id) not in there]

    def _rework(self, document: Accepted, reason: str, message: str, arrival: Arrival) -> Accepted:
        """What to write in place of a document that was not stored."""
        refused = EventRefused(
            reason, message, field={"unknown_model": "model.name", "id_reused": "event.id"}.get(reason, "")
        )
        if reason == "rejected" and document.spliced:
            try:
                return normalise(document.raw, arrival, may_splice=False)
            except EventRefused as error:
                refused = error
        names = None
        if document.kind == "payloads":
            names = next(iter(document_names(document.document).event_ids), ""), document.model
        return self._quarantine(refused, document.raw, arrival, "", index=document.index, names=names)

    def _quarantine(
        self,
        refused: EventRefused,
        raw: bytes,
        arrival: Arrival,
        position: int | str,
        *,
        size_bytes: int = 0,
        index: str = "",
        names: tuple[str, str] | None = None,
    ) -> Accepted:
        self._stats.count_quarantined(refused.reason)
        return quarantine(refused, raw, arrival, position=position, size_bytes=size_bytes, index=index, names=names)


def _unforeseen(problem: Exception) -> EventRefused:
    """A line that trips a mistake of this program goes to quarantine too, or its sender would send it for ever."""
    log.error("a line could not be read in an unforeseen way", exc_info=problem)
    return EventRefused("rejected", f"the intake failed on this event: {problem!r:.300}")


def _unknown(model: str) -> str:
    return f"model {model} is not registered; add it to the configuration or raise intake.auto_register_limit"
