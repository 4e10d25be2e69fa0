"""What a local Elasticsearch is asked to be, and where its files go.

Two folders, both below one **base** folder:

- ``home``: data, snapshots, logs and configuration of one server;
- ``cache``: the unzipped Elasticsearch and a fetched Java, shared by every server of this user.

The base folder is the first of these that applies:

1. the environment variable ``DRIFTLOG_HOME``;
2. for root: ``/var/lib/driftlog`` (Elasticsearch refuses to run as root, and the unprivileged user it is
   started as cannot enter root's own home);
3. on macOS: ``~/Library/Application Support/driftlog``;
4. ``$XDG_DATA_HOME/driftlog``, else ``~/.local/share/driftlog``.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import LocalSettings as ConfiguredServer

DEFAULT_VERSION = "9.5.3"
DEFAULT_PORT = 9287
_SIZE = re.compile(r"(?P<number>[1-9][0-9]*)(?P<unit>[mMgG])")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")
_SMALLEST_HEAP_BYTES = 256 * 2**20


def base_folder(
    environment: Mapping[str, str] | None = None, *, root: bool | None = None, platform: str = sys.platform
) -> Path:
    """Return the folder below which driftlog keeps a local server, by the rule at the top of this file.

    >>> base_folder({"DRIFTLOG_HOME": "/srv/driftlog"}, root=True).as_posix()
    '/srv/driftlog'
    >>> base_folder({"HOME": "/root"}, root=True).as_posix()
    '/var/lib/driftlog'
    >>> base_folder({"HOME": "/home/ada"}, root=False, platform="linux").as_posix()
    '/home/ada/.local/share/driftlog'
    """
    variables = os.environ if environment is None else environment
    if chosen := variables.get("DRIFTLOG_HOME"):
        return Path(chosen).expanduser().absolute()
    if is_root() if root is None else root:
        return Path("/var/lib/driftlog")
    user_home = Path(variables["HOME"]) if variables.get("HOME") else Path.home()
    if platform == "darwin":
        return user_home / "Library" / "Application Support" / "driftlog"
    data = variables.get("XDG_DATA_HOME", "")
    return (Path(data) if Path(data).is_absolute() else user_home / ".local" / "share") / "driftlog"


def is_root() -> bool:
    """Say whether this process is root's."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def size_in_bytes(text: str) -> int:
    """Read a heap size as the JVM writes it.

    >>> size_in_bytes("512m")
    536870912
    """
    matched = _SIZE.fullmatch(text)
    if matched is None:
        raise ConfigError("must be a size", path="local.heap", value=text, remedy="write 512m, 1g or 2g")
    return int(matched["number"]) * (2**30 if matched["unit"] in "gG" else 2**20)


@dataclass(frozen=True)
class LocalSettings:
    """A local Elasticsearch: one process on this machine, reachable from this machine only.

    Parameters
    ----------
    port
        HTTP port on 127.0.0.1; 0 takes a free one (read it from `LocalServerInfo.url`).
    home
        Folder of data, logs and configuration (in a sub-folder ``local-server``).
    heap
        Java heap, as the JVM writes it: ``512m``, ``1g``. At least 256m.
    version
        Elasticsearch version to fetch.
    distribution
        An unpacked full distribution, or its ``.zip``/``.tar.gz``, to run in place of a fetched one.
    secure
        HTTPS, users and roles by file realm.
    offline
        Never reach for the network: Elasticsearch and Java must be there.
    cache
        Folder of what was fetched; None: ``cache`` below the base folder.
    """

    port: int = DEFAULT_PORT
    home: Path = field(default_factory=base_folder)
    heap: str = "1g"
    version: str = DEFAULT_VERSION
    distribution: Path | None = None
    secure: bool = False
    offline: bool = False
    cache: Path | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError("must be a port", path="local.port", value=self.port, remedy="1 to 65535, or 0: any free")
        if not _VERSION.fullmatch(self.version):
            raise ConfigError(
                "must be an Elasticsearch version", path="local.version", value=self.version, remedy="write 9.5.3"
            )
        if self.heap_bytes < _SMALLEST_HEAP_BYTES:
            raise ConfigError("is too small for Elasticsearch", path="local.heap", value=self.heap, remedy="write 512m")

    @property
    def heap_bytes(self) -> int:
        """The heap in bytes."""
        return size_in_bytes(self.heap)

    @property
    def cache_folder(self) -> Path:
        """Where what was fetched is kept."""
        return self.cache.absolute() if self.cache is not None else base_folder() / "cache"

    @classmethod
    def configured(cls, settings: ConfiguredServer, *, offline: bool = False) -> LocalSettings:
        """Return these settings as the configuration file names them."""
        return cls(
            port=settings.port,
            home=Path(settings.home).expanduser().absolute() if settings.home else base_folder(),
            heap=settings.heap,
            distribution=Path(settings.distribution).expanduser().absolute() if settings.distribution else None,
            secure=settings.secure,
            offline=offline,
        )
