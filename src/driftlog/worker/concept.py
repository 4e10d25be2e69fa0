"""Concept drift in the worker: the outcomes of each window pass through the detectors, in order, once a cycle.

Detectors have a state, and this keeps none: their state at a window is what they say after all outcomes from the start
of the window's block to its end. Blocks are `ModelSettings.concept_replay` long, counted from a fixed Monday; at the
start of each the detectors start afresh. So a result is a function of the stored outcomes alone: after a restart it is
the same, in the same document, and a label that comes late changes its window and the later ones of its block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Final

import numpy as np

from driftlog.contract.errors import ConfigError
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import Reference
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Schedule, Window
from driftlog.evaluate.concept.errors import FEWEST, error_unit, unit_of
from driftlog.evaluate.concept.registry import find_detectors
from driftlog.evaluate.concept.replay import Passage, Replay
from driftlog.evaluate.concept.window import concept_measurement
from driftlog.evaluate.context import SeriesContext
from driftlog.profile.error_stream import ErrorStream, Fingerprint, fingerprints, read_errors
from driftlog.store.client import Store

FEWEST_KEPT: Final = 100
"""Outcomes of a window that are always replayed, however short the window."""
BLOCKS_HELD: Final = 2


Held = dict[Window, tuple[Fingerprint, int, ErrorStream]]
"""Window -> what its outcomes were when they were read, how often they were halved, and they themselves."""


@dataclass(slots=True)
class ConceptMemory:
    """Outcomes read before, kept between cycles; changes how long a cycle takes, never its result.

    16 bytes an outcome, of two blocks (early in a block many labels belong to the one before): at most 32 MB a model.
    """

    blocks: dict[Window, Held] = field(default_factory=dict)

    def of(self, block: Window) -> Held:
        """What is held of `block`; the block used longest ago makes room for a third."""
        held = self.blocks.pop(block, {})
        self.blocks[block] = held
        while len(self.blocks) > BLOCKS_HELD:
            del self.blocks[next(iter(self.blocks))]
        return held


class ConceptWatch:
    """The detectors of one model during one cycle.

    Parameters
    ----------
    reference
        Regression: where its usual large error comes from; None: from the first 100 outcomes of a block.
    memory
        Kept by the caller between cycles; without one everything is read anew.

    Raises
    ------
    ConfigError
        A detector is unknown, or `concept_replay` is no length of a window.
    """

    def __init__(
        self,
        store: Store,
        settings: ModelSettings,
        reference: Reference | None,
        *,
        memory: ConceptMemory | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._detectors = find_detectors(settings.concept_detectors)
        self._blocks = _schedule(settings)
        self._pieces = Schedule(settings.window, settings.timezone)
        self._reference_unit = error_unit(reference) if settings.task == "regression" else None
        self._memory = memory if memory is not None else ConceptMemory()
        self._block: Window | None = None
        self._position: datetime | None = None
        self._restart()

    def measurements(
        self, window: Window, context: SeriesContext, *, predictions: int | None = None
    ) -> list[Measurement]:
        """What each detector said of `window`; one measurement a detector, none before the block's first outcome.

        Windows in order share one pass; an earlier window than the last begins a new one.

        Parameters
        ----------
        predictions
            Of the window, for its maturity.
        """
        if not self._detectors:
            return []
        block = self._blocks.window_at(window.start)
        position, self._position = self._position, None  # a search that fails leaves no half pass behind
        if block != self._block or position is None or window.start < position:
            self._block, position = block, block.start
            self._restart()
        pieces = [*self._between(position, window.start), window]
        *before, (stream, kept_share) = self._load(pieces, self._memory.of(block))
        for earlier, _ in before:
            self._feed(earlier)
        passages = self._feed(stream)
        self._position = window.end
        if not self._seen:
            return []
        return [
            concept_measurement(
                replay.detector,
                passage,
                stream.times,
                context,
                replayed_from=block.start,
                replayed=self._seen,
                kept_share=kept_share,
                unit=self._unit,
                predictions=predictions,
                missing=self._missing(),
            )
            for replay, passage in zip(self._replays, passages, strict=True)
        ]

    def following(self, windows: Sequence[Window], until: datetime | None) -> list[Window]:
        """Later windows that have to be measured again because of `windows`, beside these themselves, in order.

        A detector carries what it saw in one window into the next ones of the block. Those up to `until` (the end of
        the newest window judged before) follow; none do from a window whose outcomes are those that the memory holds.
        To be asked before `measurements`, which fills the memory.
        """
        if until is None or not self._detectors:
            return []
        found: set[Window] = set()
        for block, group in groupby(sorted(windows), key=lambda window: self._blocks.window_at(window.start)):
            first = self._first_changed(block, list(group))
            if first is not None and first.end < min(block.end, until):
                later = self._pieces.windows(first.end, min(block.end, until))
                found.update(window for window in later if window.end <= until)
        return sorted(found.difference(windows))

    def _first_changed(self, block: Window, windows: Sequence[Window]) -> Window | None:
        known = self._memory.blocks.get(block)
        if not known:
            return windows[0]
        now = fingerprints(self._store, self._settings, windows)
        changed = (
            window
            for window, fingerprint in zip(windows, now, strict=True)
            if window not in known or known[window][0] != fingerprint
        )
        return next(changed, None)

    def _restart(self) -> None:
        self._replays: list[Replay] = []
        self._seen = 0
        self._unit = self._reference_unit
        self._waiting: list[ErrorStream] = []

    def _between(self, start: datetime, end: datetime) -> list[Window]:
        """The windows of the settings' schedule from `start` to `end`, cut to fit."""
        return [Window(max(window.start, start), min(window.end, end)) for window in self._pieces.windows(start, end)]

    def _load(self, pieces: Sequence[Window], held: Held) -> Iterator[tuple[ErrorStream, float]]:
        """(outcomes, share of them) of each piece, in order; read where they are not held as they are now."""
        found = dict(zip(pieces, fingerprints(self._store, self._settings, pieces), strict=True))
        halvings = {piece: self._halvings(fingerprint.n) for piece, fingerprint in found.items()}

        def state(piece: Window) -> tuple[bool, int]:
            entry = held.get(piece)
            known = entry is not None and entry[:2] == (found[piece], halvings[piece])
            return known, halvings[piece]

        for (known, halved), group in groupby(pieces, key=state):
            together = list(group)
            if not known:
                self._read(together, halved, found, held)
            for piece in together:
                yield held[piece][2], 2.0**-halved

    def _read(self, pieces: Sequence[Window], halvings: int, found: dict[Window, Fingerprint], held: Held) -> None:
        if any(found[piece].n for piece in pieces):
            streams = read_errors(self._store, self._settings, pieces, halvings=halvings)
        else:
            streams = [ErrorStream(np.empty(0), np.empty(0)) for _ in pieces]
        for piece, stream in zip(pieces, streams, strict=True):
            held[piece] = (found[piece], halvings, stream)

    def _halvings(self, n: int) -> int:
        """How often `n` outcomes of a window are halved, so that all windows of a block stay within the limit.

        It depends on the window alone: what comes later never changes how much of it is replayed.
        """
        limit = min(detector.limit for detector in self._detectors)
        windows = max(1.0, self._settings.concept_replay / self._settings.window)
        return max(0, math.ceil(math.log2(n / max(FEWEST_KEPT, limit / windows)))) if n else 0

    def _feed(self, stream: ErrorStream) -> list[Passage]:
        self._seen += len(stream.errors)
        if not self._seen:
            return []
        if not self._replays:  # now, because river takes two seconds and 55 MB to import: not for models without truth
            self._replays = [Replay(detector) for detector in self._detectors]
        if self._settings.task == "regression" and self._unit is None:
            self._find_unit(stream)
            if self._unit is None:
                return [Passage(len(stream.errors)) for _ in self._replays]
        return [replay.feed(stream.errors, self._unit) for replay in self._replays]

    def _missing(self) -> str:
        if self._settings.task != "regression" or self._unit is not None:
            return ""
        return f"what a large error is needs {FEWEST} outcomes, or a reference with outcomes"

    def _find_unit(self, stream: ErrorStream) -> None:
        """Without a reference a block's first 100 outcomes or more, up to the end of a window, give the unit."""
        errors = np.concatenate([*(waiting.errors for waiting in self._waiting), stream.errors])
        self._unit = unit_of(errors)
        if self._unit is None:
            self._waiting.append(stream)
            return
        for waiting in self._waiting:
            for replay in self._replays:
                replay.feed(waiting.errors, self._unit)
        self._waiting.clear()


def _schedule(settings: ModelSettings) -> Schedule:
    try:
        return Schedule(settings.concept_replay, settings.timezone)
    except ValueError as error:
        raise ConfigError(str(error), path="concept_replay", remedy="write whole weeks, such as 13w") from error
