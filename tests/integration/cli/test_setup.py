"""``driftlog setup`` and ``driftlog keys``: what changes is shown first; a key is shown once, and nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.integration.cli.security_stand_in import Security, stand_in

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.roles import PURPOSE, roles

pytestmark = pytest.mark.elasticsearch

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def security(elasticsearch_url: str) -> Iterator[tuple[str, Security]]:
    with stand_in(elasticsearch_url) as found:
        yield found
        assert found[1].complaints == []


@pytest.fixture
def cli(
    security: tuple[str, Security],
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cli:
    """Call a command against the stand-in; exit code, standard output, standard error."""
    (tmp_path / "driftlog.yml").write_text(f"prefix: {prefix}\nelasticsearch: {{urls: ['{security[0]}']}}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def lines(out: str) -> dict[str, dict[str, object]]:
    return {line["name"]: line for line in map(json.loads, out.splitlines())}


def test_a_dry_run_shows_what_would_change_and_changes_nothing(cli: Cli, prefix: str, elasticsearch_url: str) -> None:
    """New, then the same, then the diff of one that is not as it was; the exit code says so where it is asked to."""
    assert cli("setup", "--dry-run", "--exit-code")[0] == exits.FAILED
    assert cli("setup")[0] == exits.OK
    assert cli("setup", "--dry-run", "--exit-code")[0] == exits.OK

    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        path = f"/_component_template/{prefix}-settings"
        entry = store.request("GET", path)["component_templates"][0]["component_template"]
        body = {"template": entry["template"], "_meta": entry["_meta"] | {"digest": "older"}}
        body["template"]["settings"]["index"]["codec"] = "default"
        store.request("PUT", path, body=body)

    code, out, _ = cli("setup", "--dry-run")
    assert code == exits.OK
    assert '-      "index.codec": "default"' in out
    assert '+      "index.codec": "best_compression"' in out
    assert "Nothing was changed." in out
    assert lines(cli("setup", "--dry-run", "--json")[1])[f"{prefix}-settings"]["action"] == "update"
    assert lines(cli("setup", "--json")[1])[f"{prefix}-settings"]["action"] == "update"
    assert cli("setup", "--dry-run", "--exit-code")[0] == exits.OK


def test_roles_are_written_once_and_repaired(cli: Cli, prefix: str, security: tuple[str, Security]) -> None:
    """All of them, as the code says; a role that somebody widened is shown and set right; older names stay away."""
    assert cli("setup", "--roles", "--dry-run")[0] == exits.OK
    assert security[1].roles == {}

    assert cli("setup", "--roles")[0] == exits.OK
    assert set(security[1].roles) == {f"driftlog_{name}" for name in PURPOSE}
    wanted = roles(prefix)["driftlog_viewer"]
    assert security[1].roles["driftlog_viewer"]["cluster"] == wanted["cluster"]
    names = [each["names"] for each in security[1].roles["driftlog_viewer"]["indices"]]
    assert names == [each["names"] for each in wanted["indices"]]
    assert cli("setup", "--roles", "--dry-run", "--exit-code")[0] == exits.OK

    security[1].roles["driftlog_viewer"]["indices"][0]["names"].append("payroll")
    code, out, _ = cli("setup", "--roles", "--dry-run", "--exit-code")
    assert code == exits.FAILED
    assert '-        "payroll"' in out
    cli("setup", "--roles")
    assert "payroll" not in security[1].roles["driftlog_viewer"]["indices"][0]["names"]


def test_an_older_name_is_kept_up_where_it_is_used(cli: Cli, security: tuple[str, Security]) -> None:
    """Somebody has users with it."""
    old = {"cluster": [], "indices": [{"names": ["x"], "privileges": ["read"]}], "metadata": {}}
    security[1].roles["driftlog_evaluator"] = old
    assert cli("setup", "--roles")[0] == exits.OK
    assert security[1].roles["driftlog_evaluator"]["cluster"] == ["monitor"]


def test_roles_for_the_file_realm_need_no_server(cli: Cli, prefix: str) -> None:
    """For the prefix of the settings."""
    code, out, _ = cli("setup", "--roles-yml")
    assert code == exits.OK
    assert f'"{prefix}-audit"' in out


@pytest.mark.parametrize("role", list(PURPOSE))
def test_a_key_has_the_rights_of_its_role(cli: Cli, prefix: str, security: tuple[str, Security], role: str) -> None:
    """Standard output has the key alone, in the form in which its user takes it."""
    code, out, err = cli("keys", "create", role, "--expires", "90d")
    assert code == exits.OK
    (key,) = security[1].keys.values()
    definition = roles(prefix)[f"driftlog_{role}"]
    assert key["role_descriptors"] == {f"driftlog_{role}": {k: definition[k] for k in ("cluster", "indices")}}
    secret, encoded = security[1].secrets
    assert out == (f"{key['id']}:{secret}\n" if role == "logstash" else f"{encoded}\n")
    assert secret not in err
    assert encoded not in err
    assert key["expiration"] - key["creation"] == 90 * 86_400_000


def test_after_an_upgrade_keys_get_the_rights_their_roles_have_now(cli: Cli, security: tuple[str, Security]) -> None:
    """A key keeps what it was made with; revoked ones stay as they are, those of other accounts are named."""
    for name in ("mine", "theirs", "gone"):
        cli("keys", "create", "viewer", "--name", name)
    mine, theirs, gone = security[1].keys.values()
    wanted = mine["role_descriptors"]
    assert cli("setup", "--roles")[0] == exits.OK
    assert "mine" not in cli("setup", "--roles")[1]

    older = {"driftlog_viewer": {"cluster": [], "indices": [{"names": ["x"], "privileges": ["read"]}]}}
    for key in (mine, theirs, gone):
        key["role_descriptors"] = older
    theirs["username"], gone["invalidated"] = "ann", True
    code, out, _ = cli("setup", "--roles", "--dry-run", "--exit-code")
    assert code == exits.FAILED
    assert mine["role_descriptors"] == older
    assert '-        "x"' in out

    _, out, _ = cli("setup", "--roles")
    assert (mine["role_descriptors"], theirs["role_descriptors"], gone["role_descriptors"]) == (wanted, older, older)
    assert "theirs: another account made it" in " ".join(out.split())
    assert "gone" not in out


def test_keys_are_listed_rotated_and_revoked(cli: Cli, security: tuple[str, Security]) -> None:
    """The new one is made before the old one goes; keys of other programs are neither shown nor revoked."""
    cli("keys", "create", "worker", "--name", "old")
    cli("keys", "create", "worker", "--name", "new")
    old, new = security[1].keys
    security[1].keys["foreign"] = security[1].keys[old] | {"id": "foreign", "metadata": {}}

    assert cli("keys", "revoke", old)[1] == f"{old}: revoked\n"
    assert cli("keys", "revoke", old)[1] == f"{old}: was revoked before\n"
    code, _, err = cli("keys", "revoke", new, "foreign")
    assert (code, "no key of this installation: foreign" in err) == (exits.USAGE, True)
    code, out, _ = cli("keys", "list", "--json")
    assert {key["id"]: key["status"] for key in map(json.loads, out.splitlines())} == {old: "revoked", new: "valid"}
    assert not [secret for secret in security[1].secrets if secret in out + cli("keys", "list")[1]]

    security[1].fails_to_revoke = True
    code, _, err = cli("keys", "revoke", new)
    assert (code, "could not be revoked" in err) == (exits.FAILED, True)


def test_a_key_in_a_file_is_for_its_owner_alone(cli: Cli, tmp_path: Path, security: tuple[str, Security]) -> None:
    """Not on standard output; and no key is made that could not be written down."""
    code, out, err = cli("keys", "create", "intake", "--output", "intake.key")
    assert code == exits.OK
    assert (tmp_path / "intake.key").read_text() == f"{security[1].secrets[1]}\n"
    assert (tmp_path / "intake.key").stat().st_mode & 0o777 == 0o600
    assert not [secret for secret in security[1].secrets if secret in out + err]

    assert cli("keys", "create", "intake", "--output", "intake.key")[0] == exits.USAGE
    assert len(security[1].keys) == 1
    security[1].forbidden = True
    code, _, err = cli("keys", "create", "intake", "--output", "other.key")
    assert (code, "manage_security" in err) == (exits.FAILED, True)
    assert not (tmp_path / "other.key").exists()


def test_a_key_is_in_no_log(cli: Cli, security: tuple[str, Security], caplog: pytest.LogCaptureFixture) -> None:
    """Not even with everything logged, the client's own lines included."""
    caplog.set_level(logging.DEBUG)
    cli("keys", "create", "viewer", "--debug")
    assert security[1].secrets
    assert not [secret for secret in security[1].secrets if secret in caplog.text]


def test_a_server_without_the_api_is_told_from_one_that_refuses(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The local server has none; the way that is there is named."""
    config = tmp_path / "driftlog.yml"
    config.write_text(f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n")
    monkeypatch.chdir(tmp_path)
    for command in (["setup", "--roles"], ["keys", "create", "viewer"], ["keys", "list"]):
        assert run(command) == exits.USAGE
        assert "--roles-yml" in capsys.readouterr().err
