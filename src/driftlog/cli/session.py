"""What a command works with: settings, consoles, the clock and the store, each made when it is first asked for."""

from __future__ import annotations

import getpass
import os
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from driftlog.config.load import load_settings
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import Settings

if TYPE_CHECKING:
    from driftlog.contract.audit import Recorder
    from driftlog.store.client import Store


@dataclass
class Session:
    """One call of the command line.

    Attributes
    ----------
    config
        The file named by ``--config``.
    debug, verbose
        Tracebacks and debug logs; informational logs.
    environ, now
        Environment variables and the clock.
    """

    config: Path | None = None
    debug: bool = False
    verbose: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @cached_property
    def actor(self) -> str:
        """Who runs the command, for the audit trail: ``$DRIFTLOG_ACTOR``, else user@host."""
        named = self.environ.get("DRIFTLOG_ACTOR", "").strip()
        if named:
            return named[:256]
        try:
            user = getpass.getuser()
        except (KeyError, OSError):  # an account without a name, as in some containers
            user = str(os.getuid())
        return f"{user}@{socket.gethostname()}"

    @cached_property
    def settings(self) -> Settings:
        return load_settings(self.config, self.environ)

    @cached_property
    def console(self) -> Console:
        """For results; respects NO_COLOR, plain where the output is no terminal."""
        return Console(highlight=False)

    @cached_property
    def messages(self) -> Console:
        """For progress, notices and errors: standard error."""
        return Console(stderr=True, highlight=False)

    @property
    def names(self) -> IndexNames:
        return IndexNames(self.settings.prefix, self.settings.period)

    def store(self) -> Store:
        """A connected store; use it in a `with` statement."""
        from driftlog.store.mapped import open_store

        return open_store(self.settings.elasticsearch, self.names, self.settings.models)

    def recorder(self, store: Store) -> Recorder:
        """Where what a command does is recorded: the audit chain."""
        from driftlog.audit.chain import Chain

        return Chain(store, now=self.now)
