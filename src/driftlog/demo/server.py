"""The Elasticsearch of a run: a given cluster, or the local server, which is left as it was found."""

from __future__ import annotations

from rich.console import Console

from driftlog.contract.errors import PortBusy
from driftlog.demo.settings import DemoOptions
from driftlog.store.local.server import LocalServer, LocalSettings


class DemoServer:
    """The Elasticsearch of this run: a given cluster, or the local server."""

    def __init__(self, options: DemoOptions, console: Console) -> None:
        self._options = options
        self._console = console
        self._local = LocalServer()
        self._settings = LocalSettings()
        self._ours = False

    def start(self) -> str:
        """Have it running, and return its address."""
        if self._options.elasticsearch:
            return self._options.elasticsearch
        if self._local.status(self._settings) is None:
            self._ours = True
        try:
            return self._start(self._settings)
        except PortBusy as error:
            self._console.print(f"{error.message}; taking a free one")
            return self._start(LocalSettings(port=0))

    def _start(self, settings: LocalSettings) -> str:
        return self._local.start(settings, lambda text: self._console.print(text, highlight=False)).url

    def leave(self, *, complete: bool) -> None:
        """Stop the local server where that was asked for, or where this run started it and did not come to its end."""
        if self._options.elasticsearch:
            return
        if (complete and self._options.stop) or (not complete and self._ours):
            self._local.stop(self._settings)
            self._console.print("Elasticsearch is stopped; its data is kept")
