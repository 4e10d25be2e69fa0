"""Which models there are: those of the settings, and those registered in Elasticsearch."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, get_args

from driftlog.contract.errors import UsageError
from driftlog.contract.events import Task
from driftlog.contract.settings import ModelSettings, Settings

if TYPE_CHECKING:
    from driftlog.store.client import Store


def known_models(store: Store, settings: Settings) -> dict[str, ModelSettings]:
    """Configured models, then registered ones with default settings, by name."""
    from driftlog.store.models import registered

    known = {model.name: model for model in settings.models}
    for name, record in registered(store).items():
        task: Task = record.task if record.task in get_args(Task) else "binary"  # type: ignore[assignment]
        known.setdefault(name, ModelSettings(name=name, task=task))
    return known


def choose_model(store: Store, settings: Settings, name: str | None) -> ModelSettings:
    """The model called `name`; without a name, the only one.

    Raises
    ------
    UsageError
        There is no such model, or none was named and there are several.
    """
    known = known_models(store, settings)
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if not known:
        raise UsageError(
            "there is no model yet",
            remedy="send predictions, or name models in driftlog.yml and run `driftlog setup`",
        )
    if name is None:
        raise UsageError("there are several models", remedy=f"name one of {_listed(list(known))}")
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        others = f"known are {_listed(list(known))}; `driftlog models register {name[:80]}` makes it known"
        raise UsageError(f"no such model: {name[:80]}", remedy=f"did you mean {near[0]}?" if near else others)
    return known[name]


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:10])
    return f"{shown} and {len(names) - 10} more (see `driftlog models list`)" if len(names) > 10 else shown
