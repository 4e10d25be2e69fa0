"""Certificates that clients accept, passwords that nobody else can read."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from driftlog.contract.errors import UsageError
from driftlog.store.local.account import Account, account_for
from driftlog.store.local.archive import Distribution
from driftlog.store.local.certificates import issue, needs_renewal
from driftlog.store.local.java import Java
from driftlog.store.local.layout import Layout
from driftlog.store.local.security import set_user, users, write_private

NOW = datetime.now(UTC)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_client_that_trusts_the_authority_accepts_the_server(tmp_path: Path, name: str) -> None:
    """A real handshake, strict as Python 3.13 is by default."""
    made = issue(NOW)
    for file, content in (("ca", made.ca), ("crt", made.certificate), ("key", made.key)):
        (tmp_path / file).write_bytes(content)
    server_side, client_side = socket.socketpair()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    trusting = ssl.create_default_context(cafile=tmp_path / "ca")
    trusting.verify_flags |= ssl.VERIFY_X509_STRICT
    thread = threading.Thread(target=lambda: serving.wrap_socket(server_side, server_side=True).close())
    thread.start()
    with trusting.wrap_socket(client_side, server_hostname=name) as connection:
        assert connection.version() == "TLSv1.3"
    thread.join()


def test_a_certificate_is_renewed_a_month_before_its_end(tmp_path: Path) -> None:
    """And where it is missing or cannot be read."""
    path = tmp_path / "http.crt"
    assert needs_renewal(path)
    path.write_bytes(issue(NOW).certificate)
    assert not needs_renewal(path, lambda: NOW + timedelta(days=699))
    assert needs_renewal(path, lambda: NOW + timedelta(days=701))
    path.write_text("garbage")
    assert needs_renewal(path)


def test_a_secret_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Also when a readable one was there before."""
    path = tmp_path / "password"
    path.write_text("old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)


@pytest.mark.parametrize("name", ["", "a:b", "a\nb:x", "-r", "x" * 65, "ümlaut"])
def test_a_user_name_that_would_break_the_file_is_refused(tmp_path: Path, name: str) -> None:
    """Before any program is run."""
    account = Account(os.geteuid(), os.getegid(), "self", drop=False)
    with pytest.raises(UsageError, match="is not a user name"):
        set_user(Layout(tmp_path), Distribution(tmp_path, "9.5.3"), Java(tmp_path, "25"), account, name, "p", [])


def test_users_are_read_from_the_file_realm(tmp_path: Path) -> None:
    """No file, no users."""
    layout = Layout(tmp_path)
    assert users(layout) == frozenset()
    layout.config.mkdir(parents=True)
    (layout.config / "users").write_text("ada:$2a$10$x\n\ngrace:$2a$10$y\n")
    assert users(layout) == {"ada", "grace"}


def test_root_hands_the_server_to_somebody_else(tmp_path: Path) -> None:
    """The owner of the data, once there is one; anybody else keeps who they are."""
    account = account_for(tmp_path)
    if os.geteuid() != 0:
        assert (account.uid, account.drop, account.popen_arguments()) == (os.geteuid(), False, {})
        return
    assert account.uid != 0
    assert account.popen_arguments() == {"user": account.uid, "group": account.gid, "extra_groups": []}
    os.chown(tmp_path, 1, 1)  # daemon
    assert (account_for(tmp_path).uid, account_for(tmp_path).name) == (1, "daemon")
