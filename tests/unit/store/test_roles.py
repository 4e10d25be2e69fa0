"""The roles: each kind of index is somebody's, and the committed files are what the code says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from driftlog.contract.errors import UsageError
from driftlog.store import role_files
from driftlog.store.ownership import KINDS
from driftlog.store.roles import PURPOSE, role, roles, roles_yml

FOLDER = Path(__file__).parents[3] / "index_templates" / "roles"


def test_the_committed_files_are_what_the_code_writes() -> None:
    """``python -m driftlog.store.role_files index_templates/roles`` writes them."""
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == dict(role_files.files())


def test_both_forms_say_the_same() -> None:
    """JSON for the API, and YAML for the file realm."""
    read = yaml.safe_load((FOLDER / "roles.yml").read_text(encoding="utf-8"))
    assert read == {f"driftlog_{name}": json.loads((FOLDER / f"driftlog_{name}.json").read_text()) for name in PURPOSE}
    assert yaml.safe_load(roles_yml(roles("acme"))) == roles("acme")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_index_is_written_by_some_role_and_set_up_by_the_administrator(kind: str) -> None:
    """A new kind that no role knows is found here."""
    granted = {name: privileges_on(kind, name) for name in PURPOSE}
    assert any({"write", "create_doc"} & privileges for privileges in granted.values())
    assert {"create_index", "view_index_metadata"} <= granted["administrator"]


def privileges_on(kind: str, name: str) -> set[str]:
    names = {f"driftlog-{kind}", f"driftlog-{kind}.*"}
    indices = role(name, "driftlog")["indices"]
    return {privilege for each in indices if names & set(each["names"]) for privilege in each["privileges"]}


def test_an_older_name_is_the_same_role() -> None:
    """Users that have it keep their rights."""
    known = roles()
    older, newer = known["driftlog_evaluator"], known["driftlog_worker"]
    assert (older["cluster"], older["indices"]) == (newer["cluster"], newer["indices"])
    assert role("evaluator", "driftlog") == role("driftlog_worker", "driftlog")


def test_an_unknown_role_names_those_there_are() -> None:
    """For a typo on the command line."""
    with pytest.raises(UsageError, match="there is no role 'superuser'"):
        role("superuser", "driftlog")
