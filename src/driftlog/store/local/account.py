"""The user the server runs as.

Elasticsearch refuses to run as root. Started by root, the child process is given to an unprivileged user: the owner
of the data folder where there is one, else the system's ``elasticsearch`` user, else ``nobody``. Started by anybody
else it keeps that user.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from driftlog.contract.errors import LocalServerError


@dataclass(frozen=True)
class Account:
    """A user by number; ``drop`` says that the child must be started as it."""

    uid: int
    gid: int
    name: str
    drop: bool

    def popen_arguments(self) -> dict[str, Any]:
        """Return what `subprocess` needs to start a child as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.drop else {}

    def can(self, test: str, path: Path) -> bool:
        """Say whether the user passes ``test`` (``-r``, ``-x``, ``-w``) on a path: asked of the system itself."""
        return _runs(["/bin/sh", "-c", f'test {test} "$0"', str(path)], self)

    def own(self, folder: Path) -> None:
        """Make the user owner of a folder and of all in it."""
        if not self.drop:
            return
        for parent, folders, files in os.walk(folder):
            for name in (".", *folders, *files):
                path = Path(parent) / name
                if path.lstat().st_uid != self.uid:
                    os.chown(path, self.uid, self.gid, follow_symlinks=False)


def account_for(data: Path) -> Account:
    """Return the user the server with this data folder runs as."""
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), str(os.geteuid()), drop=False)
    for uid, name in ((_owner(data), ""), (None, "elasticsearch"), (None, "nobody")):
        account = _lookup(uid, name)
        if account is not None and account.uid != 0:
            return _checked(account)
    raise LocalServerError(
        "Elasticsearch refuses to run as root, and there is no user 'elasticsearch' or 'nobody' to run it as",
        remedy="run driftlog as an ordinary user, or add one: useradd --system elasticsearch",
    )


def require_reachable(account: Account, folder: Path, what: str) -> None:
    """Refuse a folder the server's user cannot enter, naming the parent that is in the way."""
    if not account.drop or (account.can("-r", folder) and account.can("-x", folder)):
        return
    blocking = next((parent for parent in reversed(folder.parents) if not account.can("-x", parent)), folder)
    raise LocalServerError(
        f"{what} {folder} cannot be read by user {account.name}, as whom Elasticsearch runs (it refuses root): "
        f"{blocking} is closed to it",
        remedy=f"set DRIFTLOG_HOME to a folder such as /var/lib/driftlog, run driftlog as an ordinary user, "
        f"or open the folder: chmod o+rx {blocking}",
    )


def _owner(folder: Path) -> int:
    try:
        return folder.stat().st_uid
    except OSError:
        return 0


def _lookup(uid: int | None, name: str) -> Account | None:
    import pwd  # not on Windows, where the platform is refused with a better message

    try:
        entry = pwd.getpwnam(name) if uid is None else pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, entry.pw_name, drop=True)


def _checked(account: Account) -> Account:
    try:
        subprocess.run(["/bin/sh", "-c", ":"], check=True, timeout=20, cwd="/", **account.popen_arguments())
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise LocalServerError(
            f"Elasticsearch refuses to run as root, and this system does not let root start a process as "
            f"{account.name}: {error}",
            remedy="run driftlog as an ordinary user",
        ) from error
    return account


def _runs(command: Sequence[str], account: Account) -> bool:
    done = subprocess.run(command, check=False, timeout=30, cwd="/", capture_output=True, **account.popen_arguments())
    return done.returncode == 0
