"""Security of the local server: HTTPS, roles, and users of the file realm."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from driftlog.contract.errors import LocalServerError, UsageError
from driftlog.store.local.account import Account
from driftlog.store.local.archive import Distribution
from driftlog.store.local.health import ADMINISTRATOR
from driftlog.store.local.java import Java
from driftlog.store.local.layout import Layout
from driftlog.store.local.process import environment
from driftlog.store.roles import roles, roles_yml

ANY_PREFIX = "*"
"""The local server holds nothing but installations of driftlog: the roles hold for each of them."""
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}")


def prepare(
    layout: Layout,
    distribution: Distribution,
    java: Java,
    account: Account,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Make certificate, roles and the administrator, where they are missing.

    The administrator's password is made here, kept in ``secure/password`` (mode 0600), handed to
    ``bin/elasticsearch-users`` over its standard input, and neither printed nor logged.
    """
    try:
        from driftlog.store.local.certificates import issue, needs_renewal
    except ImportError as error:
        raise LocalServerError(
            "a secure local server needs the package cryptography", remedy="pip install 'driftlog[local]'"
        ) from error
    layout.secure.mkdir(parents=True, exist_ok=True)
    if needs_renewal(layout.config / "http.crt", now) or not layout.ca_cert.is_file():
        made = issue(now())
        write_private(layout.config / "http.key", made.key)
        (layout.config / "http.crt").write_bytes(made.certificate)
        layout.ca_cert.write_bytes(made.ca)
    (layout.config / "roles.yml").write_text(roles_yml(roles(ANY_PREFIX)), encoding="utf-8")
    account.own(layout.config)
    if not layout.password_file.is_file() or ADMINISTRATOR not in users(layout):
        password = secrets.token_urlsafe(24)
        set_user(layout, distribution, java, account, ADMINISTRATOR, password, ["superuser"])
        write_private(layout.password_file, password.encode() + b"\n")


def users(layout: Layout) -> frozenset[str]:
    """Return the names of the file realm's users."""
    try:
        lines = (layout.config / "users").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line.split(":", 1)[0] for line in lines if ":" in line)


def set_user(
    layout: Layout,
    distribution: Distribution,
    java: Java,
    account: Account,
    name: str,
    password: str,
    names_of_roles: Sequence[str],
) -> None:
    """Add a user to the file realm, or replace one; a running server reads the change within five seconds.

    Raises
    ------
    UsageError
        A name the file realm cannot hold.
    LocalServerError
        ``bin/elasticsearch-users`` refused; carries what it said.
    """
    if not _USER.fullmatch(name):
        raise UsageError(f"{name!r} is not a user name", remedy="use letters, digits and _ . @ -, 64 at most")
    tool = [shutil.which("bash") or "bash", str(distribution.home / "bin" / "elasticsearch-users")]
    if name in users(layout):
        _run_tool([*tool, "userdel", name], layout, java, account, "")
    _run_tool([*tool, "useradd", name, "-r", ",".join(names_of_roles)], layout, java, account, f"{password}\n" * 2)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read, from its first byte on."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)


def _run_tool(command: list[str], layout: Layout, java: Java, account: Account, answers: str) -> None:
    done = subprocess.run(
        command,
        input=answers,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd="/",
        env=environment(layout, java),
        **account.popen_arguments(),
    )
    if done.returncode != 0:
        raise LocalServerError(
            f"the file realm refused: {(done.stderr or done.stdout).strip()[-500:]}",
            remedy=f"look at {layout.config / 'users'} and {layout.config / 'roles.yml'}",
        )
