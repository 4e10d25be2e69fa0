"""Stopped experiments: what was decided, why, by whom, and the result as it was then; written once."""

from __future__ import annotations

import msgspec

from driftlog.contract.experiment import StoppedExperiment
from driftlog.store.client import Store
from driftlog.store.documents import document_id

KIND = "experiment"


def stop_experiment(store: Store, stopped: StoppedExperiment) -> bool:
    """Keep the decision; False when one is stored already, then nothing changes."""
    document = {
        "kind": KIND,
        "model": {"name": stopped.model},
        "service": {"environment": stopped.environment},
        "name": stopped.name,
        "updated": stopped.at,
        "value": msgspec.to_builtins(stopped),
    }
    id = _id(stopped.model, stopped.environment, stopped.name)
    return store.create(store.names.state, id, document, refresh=True)


def stopped_experiment(store: Store, model: str, environment: str, name: str) -> StoppedExperiment | None:
    """The decision on an experiment; None while it runs."""
    hit = store.get(store.names.state, _id(model, environment, name))
    return msgspec.convert(hit.source["value"], StoppedExperiment) if hit else None


def _id(model: str, environment: str, name: str) -> str:
    return document_id(f"{KIND}|{model}|{environment}|{name}")
