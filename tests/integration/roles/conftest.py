"""One secured server for all tests of roles: https, and a user of each role, named like it."""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import quick_folder

from driftlog.contract.errors import StoreAccessDenied
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, Secret
from driftlog.store.client import Store
from driftlog.store.local.layout import Layout
from driftlog.store.local.server import LocalServer, LocalSettings
from driftlog.store.roles import OLDER_NAMES, PURPOSE

NAMES = IndexNames("driftlog")


@dataclass(frozen=True)
class Secured:
    """How to reach the server as somebody; all have one password."""

    url: str
    ca_cert: Path
    administrator: str
    password: str

    def settings(self, user: str) -> ElasticsearchSettings:
        return ElasticsearchSettings(
            urls=(self.url,), username=user, password=Secret(self.password), ca_certs=str(self.ca_cert), timeout_s=120
        )

    def store(self, user: str, names: IndexNames = NAMES) -> Store:
        return Store.connect(self.settings(user), names)


@pytest.fixture(scope="session")
def secured(scratch: Path) -> Iterator[Secured]:
    if os.environ.get("DRIFTLOG_SKIP_ELASTICSEARCH") == "1" and os.environ.get("CI") != "true":
        pytest.skip("DRIFTLOG_SKIP_ELASTICSEARCH=1")
    home = (quick_folder() or scratch) / f"roles-{secrets.token_hex(4)}"
    settings = LocalSettings(port=0, heap="512m", home=home, secure=True)
    server = LocalServer()
    try:
        info = server.start(settings)
        assert info.ca_cert is not None
        assert info.username is not None
        assert info.password_file is not None
        found = Secured(info.url, info.ca_cert, info.username, info.password_file.read_text().strip())
        _add_users(Layout(settings.home), info.username, [*PURPOSE, *OLDER_NAMES])
        _wait_for_users(found)
        yield found
    finally:
        server.reset(settings, stop=True)
        shutil.rmtree(home, ignore_errors=True)


def _add_users(layout: Layout, administrator: str, names: list[str]) -> None:
    """Users with the administrator's password: its hash is copied, as a run of the users tool takes seconds a user."""
    users, roles = layout.config / "users", layout.config / "users_roles"
    lines = users.read_text(encoding="utf-8").splitlines()
    (hashed,) = (line.partition(":")[2] for line in lines if line.startswith(f"{administrator}:"))
    with roles.open("a", encoding="utf-8") as stream:
        stream.writelines(f"driftlog_{name}:{name}\n" for name in names)
    with users.open("a", encoding="utf-8") as stream:
        stream.writelines(f"{name}:{hashed}\n" for name in names)


def _wait_for_users(secured: Secured) -> None:
    """The server reads its files of users every five seconds, and not necessarily both at once."""
    deadline = time.monotonic() + 60
    for user, path in (("worker", "/_cluster/health"), ("janitor", "/_cluster/health"), ("intake", "/_cluster/health")):
        with secured.store(user) as store:
            while True:
                try:
                    store.request("GET", path)
                    break
                except StoreAccessDenied:
                    assert time.monotonic() < deadline
                    time.sleep(0.2)


@pytest.fixture
def as_role(secured: Secured) -> Iterator[Callable[[str], Store]]:
    """A store with the account of a role."""
    stores: list[Store] = []

    def connect(role: str) -> Store:
        stores.append(secured.store(role))
        return stores[-1]

    yield connect
    for store in stores:
        store.close()
