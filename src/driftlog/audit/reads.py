"""Access to raw predictions is recorded before they are shown: who, by which filters, how many.

``audit.reads`` says what happens when that fails. ``required`` (the default) shows nothing: an access that leaves no
trace is what the trail is there to rule out. Somebody who has to look while the trail is broken says so with
``--unrecorded``: the access is tried to be recorded all the same, and a failure is told and logged, not hidden.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from driftlog.contract.audit import AuditEntry, Recorder
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import StoreError

log = logging.getLogger("driftlog.audit")

MAX_FILTER_CHARS: Final = 500


def record_read(
    recorder: Recorder,
    settings: AuditSettings,
    *,
    actor: str,
    model: str,
    what: str,
    n: int,
    filters: Mapping[str, Any],
    environment: str = "",
    unrecorded: bool = False,
) -> bool:
    """Record that `actor` is about to see `n` predictions; whether it was. Call it before showing them.

    Parameters
    ----------
    what
        The command: ``driftlog predictions``.
    filters
        What was asked for; values are cut after 500 characters.
    unrecorded
        Go on when it cannot be recorded.

    Raises
    ------
    StoreError
        It cannot be recorded, and ``audit.reads`` is ``required``.
    """
    if settings.reads == "off":
        return False
    asked = {name: str(value)[:MAX_FILTER_CHARS] for name, value in filters.items() if value not in (None, "", (), {})}
    entry = AuditEntry(
        action="predictions.read",
        object=f"predictions of {model}",
        actor=actor,
        model=model,
        environment=environment,
        summary=f"{what}: {n:,} predictions of {model}",
        details={"command": what, "n": n, "filters": asked},
    )
    try:
        recorder.record(entry)
    except StoreError as error:
        if not unrecorded and settings.reads == "required":
            raise type(error)(
                f"nothing is shown, because the access cannot be recorded: {error.message}",
                remedy="mend the audit index (`driftlog doctor`), or repeat it with --unrecorded",
                status=error.status,
            ) from error
        log.warning("%s by %s: %d predictions of %s were read UNRECORDED: %s", what, actor, n, model, error)
        return False
    return True
