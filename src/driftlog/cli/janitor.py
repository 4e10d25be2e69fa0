"""What the commands that delete have in common: the janitor's own account, and the parts of an erasure."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from driftlog.cli.session import Session
from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import ElasticsearchSettings, Settings

if TYPE_CHECKING:
    from driftlog.contract.audit import Recorder
    from driftlog.store.client import Store
    from driftlog.worker.erasure import Eraser

SETTLE_S: Final = 6.0
"""Longer than an intake's look at the erasure list is old."""
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)i?b?", re.IGNORECASE)


class SizeType(click.ParamType[Any]):
    """Bytes as people write them: 500MB, 10GB, 1.5TB (powers of 1,024, as Elasticsearch counts)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        match = _SIZE.fullmatch(value.strip())
        if match is None:
            self.fail(f"{value!r} is no size; write 500MB or 10GB", param, ctx)
        return int(float(match[1]) * 1024 ** " kmgt".index(match[2].lower() or " "))


def janitor_settings(settings: Settings) -> ElasticsearchSettings:
    """How the janitor reaches Elasticsearch: with credentials of its own.

    Raises
    ------
    ConfigError
        The cluster needs credentials and the janitor has none. It does not take the worker's by itself.
    """
    own, base = settings.janitor, settings.elasticsearch
    if own.api_key or own.username:
        return msgspec.structs.replace(base, api_key=own.api_key, username=own.username, password=own.password)
    if own.share_credentials or not (base.api_key or base.username):
        return base
    raise ConfigError(
        "has no credentials of its own",
        path="janitor",
        remedy="give janitor.api_key (or username and password) of an account with the role in docs/retention.md; "
        "janitor.share_credentials: true uses those of elasticsearch",
    )


def janitor_store(session: Session) -> Store:
    """A store with the janitor's account; use it in a `with` statement."""
    from driftlog.store.client import Store

    return Store.connect(janitor_settings(session.settings), session.names)


def recorder_of(session: Session, store: Store) -> Recorder:
    from driftlog.audit.chain import Chain

    return Chain(store, now=session.now)


def eraser_of(
    session: Session,
    store: Store,
    *,
    spool: Path | None = None,
    reached: Callable[[str], None] = lambda step: None,
    settle: bool = True,
) -> Eraser:
    """Erases in this installation, and in the spools of this machine: below `spool`, or where apps put them."""
    from driftlog.audit.forget import SealKeeper
    from driftlog.shipping.erasing import LocalSpools
    from driftlog.shipping.state_folder import spool_root
    from driftlog.worker.erasure import Eraser

    recorder = recorder_of(session, store)
    return Eraser(
        store=store,
        recorder=recorder,
        seals=SealKeeper(store, recorder, session.actor),
        spools=LocalSpools(spool or spool_root(session.environ)),
        actor=session.actor,
        now=session.now,
        settle=(lambda: time.sleep(SETTLE_S)) if settle else (lambda: None),
        reached=reached,
    )
