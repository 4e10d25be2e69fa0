"""Where the spool lies when nobody says: a folder of the user's own, mode 0700."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from driftlog.contract.settings import Secret

SALT: Final = "masking.salt"
SALT_VARIABLE: Final = "DRIFTLOG_MASKING_SALT"


def spool_root(environ: Mapping[str, str]) -> Path:
    """``$DRIFTLOG_SPOOL``, else ``$XDG_STATE_HOME/driftlog/spool``, else ``~/.local/state/driftlog/spool``.

    >>> str(spool_root({"XDG_STATE_HOME": "/var/state"}))
    '/var/state/driftlog/spool'
    """
    if environ.get("DRIFTLOG_SPOOL"):
        return Path(environ["DRIFTLOG_SPOOL"])
    state = environ.get("XDG_STATE_HOME") or str(Path(environ.get("HOME") or "~").expanduser() / ".local" / "state")
    return Path(state) / "driftlog" / "spool"


def service_folder(root: Path, service: str) -> Path:
    """Folder of one service, made with mode 0700; raises OSError.

    Refused when it belongs to another user, because events and the masking salt would be that user's.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = root / folder_name(service)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.stat()
    if status.st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user")
    if stat.S_IMODE(status.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder


def folder_name(service: str) -> str:
    """A service's name as a folder name.

    >>> folder_name("fraud/eu api"), folder_name("..")
    ('fraud-eu-api', 'service')
    """
    return re.sub(r"[^A-Za-z0-9._-]", "-", service).strip(".")[:100] or "service"


def find_salt(environ: Mapping[str, str], root: Path) -> Secret:
    """The salt of masking: ``$DRIFTLOG_MASKING_SALT``, else the installation's; raises OSError."""
    given = environ.get(SALT_VARIABLE)
    return Secret(given) if given else installation_salt(root)


def installation_salt(root: Path) -> Secret:
    """The random salt of this installation, made when first asked for, mode 0600; raises OSError."""
    path = root / SALT
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        fresh = root / f"{SALT}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)  # another process may have been faster; then its salt counts
        fresh.unlink()
    return Secret(path.read_text())
