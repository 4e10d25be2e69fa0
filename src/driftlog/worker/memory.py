"""What a worker keeps between cycles of one model: it changes how long a cycle takes, never its result."""

from __future__ import annotations

from dataclasses import dataclass, field

from driftlog.evaluate.drift.chunks import ChunkCache
from driftlog.evaluate.estimation.fitted import EstimationCache
from driftlog.evaluate.performance.baseline import ReferenceCache
from driftlog.worker.concept import ConceptMemory


@dataclass(frozen=True, slots=True)
class Memory:
    """Chunk statistics and fits of the reference, and the outcomes the detectors have read."""

    chunks: ChunkCache = field(default_factory=ChunkCache)
    performance: ReferenceCache = field(default_factory=ReferenceCache)
    estimates: EstimationCache = field(default_factory=EstimationCache)
    concept: ConceptMemory = field(default_factory=ConceptMemory)
