"""Seals grouped by the events they are about."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from driftlog.audit.seals import Seal
from driftlog.contract.window import Window


@dataclass(frozen=True, slots=True)
class Cluster:
    """Seals of one model and environment whose buckets overlap: usually those of one bucket."""

    model: str
    environment: str
    span: Window
    seals: tuple[Seal, ...]


def clusters(seals: Iterable[Seal], within: Window | None = None) -> list[Cluster]:
    """Seals by model, environment and time; those that touch `within`."""
    found: list[Cluster] = []
    for seal in sorted(seals, key=lambda seal: (seal.model, seal.environment, seal.bucket, seal.sequence)):
        if within is not None and not seal.bucket.overlaps(within):
            continue
        last = found[-1] if found else None
        same = last is not None and (last.model, last.environment) == (seal.model, seal.environment)
        if last is not None and same and seal.bucket.start < last.span.end:
            span = Window(last.span.start, max(last.span.end, seal.bucket.end))
            found[-1] = Cluster(seal.model, seal.environment, span, (*last.seals, seal))
        else:
            found.append(Cluster(seal.model, seal.environment, seal.bucket, (seal,)))
    return found
