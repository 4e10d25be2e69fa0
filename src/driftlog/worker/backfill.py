"""`driftlog run`: one cycle, or a stretch of the past again, without a standing worker."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from driftlog.contract.errors import DriftlogError, UsageError
from driftlog.contract.records import RunRecord
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.contract.window import Window
from driftlog.evaluate.drift.registry import check_names
from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard
from driftlog.store.models import registered
from driftlog.worker.cycle import run_cycle

log = logging.getLogger("driftlog.worker")


def check_measures(settings: Settings) -> None:
    """Refuse settings that name measures which do not exist: better at the start than in every cycle."""
    for model in settings.models:
        check_names(model)


def models_to_watch(store: Store, settings: Settings) -> dict[str, ModelSettings]:
    """Configured models first, then registered ones with default settings, by name.

    Raises
    ------
    ConfigError
        A configured model names a measure that does not exist or could not judge.
    """
    check_measures(settings)
    watched = {model.name: model for model in settings.models}
    for name, record in registered(store).items():
        if name not in watched:
            task = record.task if record.task in ("binary", "multiclass", "regression") else "binary"
            watched[name] = ModelSettings(name=name, task=task)  # type: ignore[arg-type]
    return watched


def run_once(
    store: Store,
    settings: Settings,
    *,
    models: Sequence[str] = (),
    as_of: datetime | None = None,
    span: Window | None = None,
    now: Callable[[], datetime],
    worker_id: str,
    patience_s: float | None = None,
) -> Iterator[RunRecord]:
    """One cycle of each model (all by default), each under a lease of its own; yields run records as they come.

    Parameters
    ----------
    as_of
        The present; now by default.
    span
        Recount and judge again all windows in it.
    patience_s
        How long to wait for a model that another worker holds; 1.5 lease times by default, after which a holder that
        died has been noticed.

    Raises
    ------
    UsageError
        A named model is neither configured nor registered.
    """
    watched = models_to_watch(store, settings)
    unknown = [name for name in models if name not in watched]
    if unknown:
        known = ", ".join(sorted(watched)) or "none"
        raise UsageError(
            f"no such model: {', '.join(unknown)}", remedy=f"known are: {known}; see `driftlog models list`"
        )
    wanted = list(models) or sorted(watched)
    lease = settings.worker.lease
    board = LeaseBoard(store, worker_id, lease, time.monotonic)
    patience = patience_s if patience_s is not None else 1.5 * lease.total_seconds()
    try:
        for name in wanted:
            term = claim(board, name, patience)
            moment = as_of or now()
            if term is None:
                yield _skipped(watched[name], worker_id, moment, now())
                continue
            with kept(board, lease.total_seconds() / 3):
                record = run_cycle(
                    store,
                    watched[name],
                    as_of=moment,
                    worker_id=worker_id,
                    term=term,
                    now=now,
                    overlap=settings.worker.overlap,
                    span=span,
                )
            board.release(name)
            yield record
    finally:
        board.release_all()


@contextmanager
def kept(board: LeaseBoard, period_s: float) -> Iterator[None]:
    """Renew the leases while the block runs; a long back-fill outlasts a lease."""
    done = threading.Event()

    def renew() -> None:
        while not done.wait(period_s):
            try:
                board.renew()
            except DriftlogError as error:
                log.warning("leases: %s", error)

    keeper = threading.Thread(target=renew, name="driftlog-leases", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        done.set()
        keeper.join()


def claim(board: LeaseBoard, model: str, patience_s: float) -> int | None:
    deadline = time.monotonic() + patience_s
    while True:
        term = board.take(model)
        if term is not None or time.monotonic() >= deadline:
            return term
        time.sleep(min(1.0, patience_s / 10))


def _skipped(settings: ModelSettings, worker_id: str, as_of: datetime, moment: datetime) -> RunRecord:
    return RunRecord(
        id="",
        worker=worker_id,
        model=settings.name,
        environment=settings.environment,
        started=moment,
        finished=moment,
        as_of=as_of,
        status="skipped",
        error="another worker holds this model; it evaluates it anyway, or stop that worker first",
    )
