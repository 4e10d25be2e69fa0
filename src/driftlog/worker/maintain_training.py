"""Training: announced once, begun, followed, its version registered; a crash anywhere goes on or says ``lost``."""

from __future__ import annotations

import logging
import re
from datetime import datetime
from pathlib import Path

import msgspec

from driftlog.act.files import sha256_of
from driftlog.contract.errors import ActionUnavailable, DriftlogError, StoreError
from driftlog.contract.maintenance import LoopState, ModelVersion, TrainingRun
from driftlog.store.decisions import begin_action, end_action, read_run, write_run
from driftlog.worker.maintain_facts import training_window
from driftlog.worker.maintain_parts import Loop

log = logging.getLogger("driftlog.worker")

ENDED = ("succeeded", "failed", "timed_out", "lost")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


def run_id(loop: Loop, attempt: int) -> str:
    """Id of a training run, fit for names of folders."""
    return _UNSAFE.sub("-", f"{loop.model}-{loop.environment}-{attempt}")


def version_name(started: datetime, attempt: int) -> str:
    """Name of the version that an attempt makes.

    >>> from datetime import UTC
    >>> version_name(datetime(2026, 3, 3, tzinfo=UTC), 4)
    '20260303-4'
    """
    return f"{started:%Y%m%d}-{attempt}"


def begin(loop: Loop, state: LoopState) -> tuple[LoopState, TrainingRun]:
    """Export the data and start the executor, once in the life of the run.

    The action document is created just before the executor is told; who finds it there asks the executor how it goes
    instead. So two workers cannot both start a training, and one that died in between finds a run or a lost one.
    """
    started = state.since or loop.now
    run = read_run(loop.store, state.run_id, started) or _new_run(loop, state, started)
    if loop.executor is None:
        return _over(loop, state, msgspec.structs.replace(run, status="failed", error="nothing is set that trains"))
    folder = loop.folder / "training" / state.run_id
    data, output = folder / "data.csv", folder / "output"
    action = f"train|{state.run_id}"
    output.mkdir(parents=True, exist_ok=True)
    if run.status == "starting" and not data.exists():
        write_run(loop.store, run, term=loop.term)
        try:
            run = _exported(loop, run, data)
        except StoreError:
            raise
        except (DriftlogError, OSError) as error:
            return _over(loop, state, _failed(run, f"the training data could not be written: {error}", loop.now))
    if begin_action(loop.store, loop.model, loop.environment, action, at=loop.now, by=loop.worker_id):
        try:
            told = loop.executor.start(run, str(data), str(output))
        except (DriftlogError, OSError) as error:
            return _over(loop, state, _failed(run, str(error), loop.now))
    else:
        told = _polled(loop, run)
        if told.status == "starting":
            told = _lost(told, "whoever announced it died before it was begun", loop.now)
    run = _as_ours(told, run)
    write_run(loop.store, run, term=loop.term)
    loop.audit(
        "retrain.started",
        run.id,
        f"training {run.version} with {run.executor}",
        key=f"run|{run.id}|started",
        data=run.data.label() if run.data else "",
        rows=run.data_rows,
    )
    return msgspec.structs.replace(state, stage="training", version=run.version), run


def follow(loop: Loop, state: LoopState, started: datetime) -> tuple[TrainingRun | None, str]:
    """(the run as it is now, a note)."""
    run = read_run(loop.store, state.run_id, started)
    if run is None or run.status in ENDED:
        return run, ""
    if loop.executor is None:
        return run, "nothing is set that trains"
    try:
        told = _as_ours(_polled(loop, run), run)
    except ActionUnavailable as error:
        return run, str(error)
    if told != run:
        write_run(loop.store, told, term=loop.term)
    if told.status in ENDED:
        finish(loop, told)
    return told, ""


def finish(loop: Loop, run: TrainingRun) -> None:
    """Tell the audit trail, and that the action is done."""
    end_action(loop.store, loop.model, loop.environment, f"train|{run.id}", at=loop.now)
    told = f"{run.status}: {run.error}" if run.error else run.status
    loop.audit("retrain.finished", run.id, told, key=f"run|{run.id}|finished", status=run.status)


def register(loop: Loop, run: TrainingRun) -> ModelVersion:
    """The version that came of a run; registered once, also by an executor that did so itself.

    Raises
    ------
    DriftlogError
        The registry cannot be used now, or refuses the files.
    """
    there = [each for each in loop.registry.list(loop.model) if run.id and each.run_id == run.id]
    known = there[-1] if there else loop.registry.get(loop.model, run.version)
    if known is not None:
        return known
    folder = loop.folder / "training" / run.id
    output, data = folder / "output", folder / "data.csv"
    wanted = ModelVersion(
        model=loop.model,
        version=run.version,
        status="candidate",
        created=loop.now,
        created_by="driftlog",
        data=run.data,
        data_rows=run.data_rows,
        data_digest=sha256_of(data) if data.exists() else "",
        decision_id=run.decision_id,
        run_url=run.url,
        run_id=run.id,
        note=f"training run {run.id}",
    )
    found = loop.registry.register(wanted, str(output))
    loop.audit(
        "version.registered",
        found.version,
        f"{found.version} of {run.id}",
        key=f"registered|{run.id}",
        digest=found.digest,
        git=found.git,
    )
    return found


def _new_run(loop: Loop, state: LoopState, started: datetime) -> TrainingRun:
    return TrainingRun(
        id=state.run_id,
        model=loop.model,
        environment=loop.environment,
        decision_id=state.decision_id,
        executor=loop.settings.maintain.executor.kind,
        status="starting",
        started=started,
        data=training_window(loop.settings, started),
        version=version_name(started, state.attempt),
    )


def _exported(loop: Loop, run: TrainingRun, path: Path) -> TrainingRun:
    """A file that appears whole."""
    assert run.data is not None  # noqa: S101 - every run of the loop has a window
    part = path.with_name("part.csv")
    rows = loop.export(run.data, str(part))
    part.replace(path)
    run = msgspec.structs.replace(run, data_rows=rows)
    write_run(loop.store, run, term=loop.term)
    return run


def _polled(loop: Loop, run: TrainingRun) -> TrainingRun:
    assert loop.executor is not None  # noqa: S101 - the callers looked
    try:
        return loop.executor.poll(run)
    except ActionUnavailable:
        raise
    except (DriftlogError, OSError) as error:
        return _lost(run, str(error), loop.now)


def _as_ours(told: TrainingRun, run: TrainingRun) -> TrainingRun:
    """What the executor says, under the id and time that the loop keeps the run by."""
    return msgspec.structs.replace(
        told, id=run.id, started=run.started, decision_id=run.decision_id, version=told.version or run.version
    )


def _over(loop: Loop, state: LoopState, run: TrainingRun) -> tuple[LoopState, TrainingRun]:
    write_run(loop.store, run, term=loop.term)
    finish(loop, run)
    return msgspec.structs.replace(state, stage="training"), run


def _failed(run: TrainingRun, error: str, now: datetime) -> TrainingRun:
    return msgspec.structs.replace(run, status="failed", error=error[:1000], finished=now)


def _lost(run: TrainingRun, error: str, now: datetime) -> TrainingRun:
    return msgspec.structs.replace(run, status="lost", error=error[:1000], finished=now)
