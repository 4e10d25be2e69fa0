"""The files of one local server.

.. code-block:: text

    HOME/
    ├── local-server.lock       held while a server is started, stopped or reset
    └── local-server/
        ├── server.json         how the server was last started (`ServerRecord`)
        ├── config/  logs/  tmp/  run/elasticsearch.pid
        ├── data/    snapshots/
        └── secure/             password, ca.crt (with ``secure=True``)

`reset` removes ``local-server`` and nothing else.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

CLUSTER_NAME = "driftlog-local"


@dataclass(frozen=True)
class Layout:
    """Paths of one local server below its home folder."""

    home: Path

    @property
    def root(self) -> Path:
        """Everything that belongs to the server."""
        return self.home.absolute() / "local-server"

    @property
    def lock(self) -> Path:
        """Beside `root`, so that it outlives a reset."""
        return self.home.absolute() / "local-server.lock"

    @property
    def record(self) -> Path:
        """How the server was last started."""
        return self.root / "server.json"

    @property
    def config(self) -> Path:
        """ES_PATH_CONF."""
        return self.root / "config"

    @property
    def data(self) -> Path:
        """Indices."""
        return self.root / "data"

    @property
    def snapshots(self) -> Path:
        """The one folder a snapshot repository may use (``path.repo``)."""
        return self.root / "snapshots"

    @property
    def logs(self) -> Path:
        """Logs of Elasticsearch, and crash files of the JVM."""
        return self.root / "logs"

    @property
    def log_file(self) -> Path:
        """Elasticsearch's own log."""
        return self.logs / f"{CLUSTER_NAME}.log"

    @property
    def console(self) -> Path:
        """What the start script printed."""
        return self.root / "console.log"

    @property
    def temporary(self) -> Path:
        """ES_TMPDIR: the system's own may be mounted noexec."""
        return self.root / "tmp"

    @property
    def run(self) -> Path:
        """Folder of the pid file, and HOME of the process."""
        return self.root / "run"

    @property
    def pid_file(self) -> Path:
        """Written by Elasticsearch itself."""
        return self.run / "elasticsearch.pid"

    @property
    def secure(self) -> Path:
        """Secrets of the caller."""
        return self.root / "secure"

    @property
    def password_file(self) -> Path:
        """Password of the administrator, mode 0600."""
        return self.secure / "password"

    @property
    def ca_cert(self) -> Path:
        """What clients trust."""
        return self.secure / "ca.crt"

    @property
    def owned(self) -> tuple[Path, ...]:
        """Folders the server's process writes to."""
        return (self.config, self.data, self.snapshots, self.logs, self.temporary, self.run)


@dataclass(frozen=True)
class ServerRecord:
    """How the server was last started; enough to find it again from another process."""

    port: int
    secure: bool
    version: str
    java: str
    distribution: str

    def save(self, path: Path) -> None:
        """Write atomically: a kill leaves the old or the new record."""
        partial = path.with_suffix(".partial")
        partial.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        os.replace(partial, path)  # noqa: PTH105 - the atomic one

    @classmethod
    def load(cls, path: Path) -> ServerRecord | None:
        """Return the record, or None where there is none that can be read."""
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
