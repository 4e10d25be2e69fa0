"""What a worker keeps between cycles of one model: it changes how long a cycle takes, never its result."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftlog.contract.binning import Binning
from driftlog.contract.profile import Reference
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.performance.baseline import ReferenceCache
from driftlog.profile.reference_store import active_ids, load_pair
from driftlog.store.client import Store
from driftlog.worker.concept import ConceptMemory


@dataclass(slots=True)
class ActiveReference:
    """The active reference of one model, loaded again only when another one is active."""

    _ids: tuple[str, str] | None = None
    _pair: tuple[Binning, Reference] | None = None

    def pair(self, store: Store, settings: ModelSettings) -> tuple[Binning, Reference] | None:
        """Binning and reference; None when none was set."""
        ids = active_ids(store, settings.name, settings.environment)
        if ids != self._ids or self._pair is None:
            self._pair = load_pair(store, ids) if ids is not None else None
            self._ids = ids
        return self._pair


@dataclass(frozen=True, slots=True)
class Memory:
    """The reference with its chunk statistics and fits, and the outcomes the detectors have read."""

    reference: ActiveReference = field(default_factory=ActiveReference)
    chunks: ChunkCache = field(default_factory=ChunkCache)
    performance: ReferenceCache = field(default_factory=ReferenceCache)
    estimates: EstimationCache = field(default_factory=EstimationCache)
    concept: ConceptMemory = field(default_factory=ConceptMemory)
