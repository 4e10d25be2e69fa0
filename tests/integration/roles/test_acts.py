"""Every role tries every act on a secured server; docs/roles.md says which of them succeed."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.roles.acts import ACTS, NAMES, allowed, seed
from tests.integration.roles.conftest import Secured

from driftlog.store.roles import PURPOSE
from driftlog.store.templates import install

pytestmark = [pytest.mark.elasticsearch, pytest.mark.slow, pytest.mark.timeout(480)]

PAGE = Path(__file__).parents[3] / "docs" / "roles.md"


def table() -> dict[str, dict[str, bool]]:
    """The page's table: act -> role -> whether it may."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    head, _, *body = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows if row.count("|") > 10]
    assert {cell for row in body for cell in row[1:]} == {"yes", ""}
    roles = [cell.strip("`") for cell in head[1:]]
    return {row[0]: {role: cell == "yes" for role, cell in zip(roles, row[1:], strict=True)} for row in body}


@pytest.fixture(scope="module")
def seeded(secured: Secured) -> None:
    with secured.store(secured.administrator, NAMES) as store:
        install(store)
        seed(store)


def test_the_table_names_every_role_and_every_act() -> None:
    """What is added is documented."""
    found = table()
    assert list(found) == list(ACTS)
    assert all(list(row) == list(PURPOSE) for row in found.values())


@pytest.mark.parametrize("role", list(PURPOSE))
def test_a_role_may_what_the_table_says_and_nothing_else(role: str, secured: Secured, seeded: None) -> None:
    """Each act succeeds, or is refused with 403."""
    with secured.store(role, NAMES) as store:
        tried = {act: allowed(do, store, role) for act, do in ACTS.items()}
    assert tried == {act: row[role] for act, row in table().items()}
