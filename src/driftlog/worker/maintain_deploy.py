"""Promotion steps and the way back: the deploy hook, the registry, the action document, in an order crashes respect."""

from __future__ import annotations

import hashlib
import logging

import msgspec

from driftlog.act.versions.moves import promote, rollback
from driftlog.contract.errors import DriftlogError, StoreError
from driftlog.contract.maintenance import LoopState, ModelVersion
from driftlog.store.decisions import action_status, begin_action, end_action
from driftlog.worker.maintain_parts import Loop

log = logging.getLogger("driftlog.worker")


def take_step(loop: Loop, state: LoopState) -> tuple[LoopState, str]:
    """Carry out the promotion step that is due; (state after it, why it could not be done).

    The action is announced, the hook is called with a key that names this step for ever, the registry follows, the
    action is done. A repetition after a crash calls the hook again with the same key.
    """
    steps = loop.settings.maintain.promotion.steps
    step = steps[state.step]
    at = state.since or loop.now
    version = loop.candidate(state)
    if version is None or version.status == "refused":
        why = "was refused by hand" if version is not None else "is not in the registry any more"
        return msgspec.structs.replace(state, stage="idle"), f"version {state.version} {why}"
    action = f"deploy|{state.run_id}|{step}"
    try:
        if action_status(loop.store, loop.model, loop.environment, action) != "done":
            begin_action(loop.store, loop.model, loop.environment, action, at=loop.now, by=loop.worker_id)
            _deploy(loop, state, version, step)
            end_action(loop.store, loop.model, loop.environment, action, at=loop.now)
    except StoreError:
        raise
    except DriftlogError as error:
        log.error("%s: step %s of %s failed: %s", loop.model, step, state.version, error)
        return state, f"step {step} of {state.version} failed: {error}"
    loop.audit(
        "version.promoted",
        state.version,
        f"{state.version} went to {step}, replacing {state.replaced or 'none'}",
        key=f"step|{state.run_id}|{step}",
        step=step,
        replaced=state.replaced,
    )
    stage = "watch" if step == "full" else "step"
    return msgspec.structs.replace(state, stage=stage, step=state.step + 1, since=at), ""


def _deploy(loop: Loop, state: LoopState, version: ModelVersion, step: str) -> None:
    if step == "full":
        promote(loop.registry, loop.deployer, version, at=state.since or loop.now)
        return
    share = loop.settings.maintain.promotion.share if step == "share" else 0.0
    loop.deployer.deploy(version, step=step, share=share, key=_key(loop, state, step))
    status = "share" if step == "share" else "shadow"
    loop.registry.update(msgspec.structs.replace(version, status=status))


def go_back(loop: Loop, state: LoopState, reason: str) -> tuple[LoopState, str]:
    """Bring back what `state.version` replaced, or take it out of shadow and share; (state after it, why not)."""
    version = loop.candidate(state)
    champion = loop.registry.champion(loop.model)
    at = state.since or loop.now
    done = msgspec.structs.replace(state, stage="idle", since=loop.now, step=0)
    action = f"return|{state.run_id}"
    live = champion is not None and champion.version == state.version
    try:
        begin_action(loop.store, loop.model, loop.environment, action, at=loop.now, by=loop.worker_id)
        if live:
            rollback(loop.registry, loop.deployer, loop.model, at=at, note=f"rolled back: {reason}"[:500])
        elif action_status(loop.store, loop.model, loop.environment, action) != "done":
            served = champion or _served(loop, state)
            if served is not None:
                loop.deployer.deploy(served, step="full", share=1.0, key=_key(loop, state, "return"))
            if version is not None and version.status in ("shadow", "share"):
                refused = msgspec.structs.replace(version, status="refused", retired=at, note=reason[:500])
                loop.registry.update(refused)
        end_action(loop.store, loop.model, loop.environment, action, at=loop.now)
    except StoreError:
        raise
    except DriftlogError as error:
        log.error("%s: going back from %s failed: %s", loop.model, state.version, error)
        return state, f"going back from {state.version} failed: {error}"
    back = state.replaced or "the version before"
    loop.audit("version.rolled_back", state.version, f"{back} serves again: {reason}", key=f"return|{state.run_id}")
    return done, ""


def _served(loop: Loop, state: LoopState) -> ModelVersion | None:
    """A champion that the registry does not know, by the name its predictions carry."""
    if not state.replaced:
        return None
    return ModelVersion(model=loop.model, version=state.replaced, status="champion", created=loop.now)


def _key(loop: Loop, state: LoopState, step: str) -> str:
    text = "\n".join((loop.model, loop.environment, state.run_id, state.version, step))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
