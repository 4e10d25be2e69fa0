"""`driftlog audit verify`: the chain, and on request every sealed prediction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from driftlog.audit.findings import Findings
from driftlog.audit.heads import SignedHead
from driftlog.audit.keys import VerifyingKey
from driftlog.audit.verify_chain import Progress, verify_chain
from driftlog.audit.verify_seals import verify_seals
from driftlog.contract.window import Window
from driftlog.store.client import Store


def verify(
    store: Store,
    *,
    now: datetime,
    deep: bool = False,
    within: Window | None = None,
    keys: Sequence[VerifyingKey] = (),
    anchors: Iterable[SignedHead] = (),
    progress: Progress = lambda stage, done, total: None,
) -> Findings:
    """Find every record, and with `deep` every sealed prediction, that is not as it was. Nothing is written.

    Parameters
    ----------
    within
        Only predictions of buckets that touch this; the chain is verified whole, it is what they are compared with.
    keys, anchors
        See `driftlog.audit.verify_chain.verify_chain`.
    """
    findings = Findings()
    learned = verify_chain(store, findings, keys=keys, anchors=anchors, progress=progress)
    if deep:
        verify_seals(store, findings, learned, now=now, within=within, progress=progress)
    return findings
