"""Decisions are stored once: the same decision of the same day is one document, a changed one is a new one."""

from __future__ import annotations

import msgspec

from driftlog.contract.maintenance import Decision, LoopState
from driftlog.store.decisions import create_decision, decision_id, read_decision, update_decision
from driftlog.worker.maintain_parts import Loop


def record(loop: Loop, state: LoopState, decision: Decision) -> tuple[Decision, LoopState]:
    """Store `decision` and say so to the audit trail where it is another than the last one.

    Looks that decide the same (outcome, triggers met, version, run, approval asked) on the same UTC day share a
    document: it keeps the first look's time and gets the last look's time, evidence and reason. A crash before the
    state was written leaves a document of the next number; it is taken up where it says the same, else the number after
    it is used.
    """
    found = _again(loop, state, decision)
    if found is not None:
        update_decision(loop.store, found, term=loop.term)
        return found, state
    mark, number = fingerprint(decision), state.number
    while True:
        number += 1
        name = decision_id(loop.model, loop.environment, number)
        named = msgspec.structs.replace(decision, id=name, number=number, until=decision.at)
        if create_decision(loop.store, named, term=loop.term):
            break
        there = read_decision(loop.store, name)
        if there is not None and fingerprint(there) == mark and there.at.date() == decision.at.date():
            named = there
            break
    if mark != state.fingerprint:
        loop.audit(
            "maintenance.decided",
            named.id,
            f"{named.outcome}: {named.reason}",
            key=f"decision|{number}",
            outcome=named.outcome,
            triggers=list(named.triggers),
        )
    return named, msgspec.structs.replace(state, number=number, decision_id=named.id, fingerprint=mark)


def fingerprint(decision: Decision) -> str:
    """What makes two decisions the same; numbers inside reason and evidence do not count."""
    parts = (
        decision.outcome,
        decision.stage,
        ",".join(decision.triggers),
        decision.run_id,
        decision.version,
        decision.approval,
        decision.by,
    )
    return "|".join(parts)


def _again(loop: Loop, state: LoopState, decision: Decision) -> Decision | None:
    """The document of the last look with this one added, where both say the same on one day."""
    if not state.decision_id or fingerprint(decision) != state.fingerprint:
        return None
    last = read_decision(loop.store, state.decision_id)
    if last is None or last.at.date() != decision.at.date():
        return None
    return msgspec.structs.replace(
        decision, id=last.id, number=last.number, at=last.at, until=decision.at, looks=last.looks + 1
    )
