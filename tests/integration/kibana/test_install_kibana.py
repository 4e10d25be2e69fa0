"""Installing into a Kibana that is strict: once, again, after changes on either side, and out again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.integration.kibana.fake_kibana import FakeKibana

from driftlog.contract.errors import KibanaAccessDenied, KibanaError, KibanaUnavailable
from driftlog.contract.kibana import KibanaConnectorSettings, KibanaRuleSettings, KibanaSettings
from driftlog.contract.strict import Secret
from driftlog.present.kibana.client import Kibana
from driftlog.present.kibana.install import install, uninstall
from driftlog.present.kibana.plan import Change, plan, wanted

Connect = Callable[[KibanaSettings], Kibana]


def counts(changes: list[Change]) -> dict[str, int]:
    found: dict[str, int] = {}
    for change in changes:
        found[change.action] = found.get(change.action, 0) + 1
    return found


def with_limits(settings: KibanaSettings, **limits: Any) -> KibanaSettings:
    return msgspec.structs.replace(settings, rules=KibanaRuleSettings(**limits))


def test_everything_is_installed(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Every saved object, both connectors of the Basic licence, and a rule for each condition."""
    want = wanted("driftlog", settings)
    changes = install(connect(settings), want)
    assert counts(changes) == {"create": len(want.objects) + 2 + 10}
    assert len(fake.space.objects) == len(want.objects) > 10
    assert {one["connector_type_id"] for one in fake.space.connectors.values()} == {".index", ".server-log"}
    assert {rule["name"] for rule in fake.space.rules.values()} == {rule.body["name"] for rule in want.rules}
    assert [rule["name"] for rule in fake.space.rules.values() if not rule["enabled"]] == [
        "driftlog: no prediction of any model arrives"
    ]


def test_a_second_time_changes_nothing(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Not a single request that could change something is sent."""
    want = wanted("driftlog", settings)
    install(connect(settings), want)
    fake.requests.clear()
    assert counts(install(connect(settings), want)) == {"unchanged": len(want.objects) + 12}
    assert fake.writes() == []
    assert counts(plan(connect(settings), want)) == {"unchanged": len(want.objects) + 12}


def test_a_changed_limit_changes_one_rule_and_nothing_of_the_users(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Off stays off, muted stays muted, an action and a tag that a person added stay, ids of actions stay."""
    install(connect(settings), wanted("driftlog", settings))
    (rule,) = (one for one in fake.space.rules.values() if one["name"] == "driftlog: many events are refused")
    fake.space.connectors["mine"] = {"id": "mine", "name": "mine", "connector_type_id": ".slack", "config": {}}
    own = {
        "id": "mine",
        "group": "query matched",
        "uuid": "5c3b2f0e-1111-4111-8111-111111111111",
        "params": {"message": "look"},
        "frequency": {"summary": False, "notify_when": "onActiveAlert", "throttle": None},
        "connector_type_id": ".slack",
    }
    rule |= {"enabled": False, "mute_all": True}
    rule["actions"].append(own)
    rule["tags"].append("team-a")
    before = [action["uuid"] for action in rule["actions"]]

    want = wanted("driftlog", with_limits(settings, quarantined_per_hour=7))
    (change,) = (one for one in plan(connect(settings), want) if one.action != "unchanged")
    assert (change.action, change.differences) == ("update", ("params.threshold[0]: 100 -> 7",))
    fake.requests.clear()
    install(connect(settings), want)

    assert fake.writes() == [("PUT", f"/api/alerting/rule/{rule['id']}")]
    after = fake.space.rules[rule["id"]]
    assert (after["params"]["threshold"], after["enabled"], after["mute_all"]) == ([7], False, True)
    assert [action["uuid"] for action in after["actions"]] == before
    assert after["actions"][-1]["params"] == {"message": "look"} and "team-a" in after["tags"]


def test_a_dashboard_that_somebody_changed_is_found_and_brought_back(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """The difference names where, also inside JSON that is kept as a string."""
    want = wanted("driftlog", settings)
    install(connect(settings), want)
    (key, saved) = next((key, one) for key, one in fake.space.objects.items() if key[0] == "dashboard")
    panels = json.loads(saved["attributes"]["panelsJSON"])
    panels[0]["gridData"]["w"] = 47
    saved["attributes"]["panelsJSON"] = json.dumps(panels)
    (change,) = (one for one in plan(connect(settings), want) if one.action != "unchanged")
    assert change.id == key[1]
    assert change.differences[0].startswith("panelsJSON[0].gridData.w: 47 -> ")
    install(connect(settings), want)
    assert {change.action for change in plan(connect(settings), want)} == {"unchanged"}


def test_what_is_no_longer_made_is_told_and_taken_away_when_asked(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """A rule, an object and a connector of before; what others made, and another prefix, stay."""
    want = wanted("driftlog", settings)
    install(connect(settings), want)
    fewer = msgspec.structs.replace(settings)
    less = type(want)(want.prefix, want.objects[:-1], want.connectors, want.rules[:-1])
    gone = [change for change in plan(connect(fewer), less) if change.action == "remove"]
    assert [(change.part, change.title) for change in gone] == [
        ("dashboards", want.objects[-1]["attributes"]["title"]),
        ("rules", "driftlog: features drifted"),
    ]
    assert len(install(connect(settings), less)) == len(want.objects) + 12
    assert len(fake.space.rules) == 10
    install(connect(settings), less, prune=True)
    assert len(fake.space.rules) == 9 and len(fake.space.objects) == len(want.objects) - 1


def test_uninstalling_takes_ours_and_nothing_else(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Another installation in the same space, and a dashboard of a person, stay as they are."""
    mine, other = wanted("driftlog", settings), wanted("driftlog-demo", settings)
    install(connect(settings), mine)
    install(connect(settings), other)
    fake.space.objects["dashboard", "a-persons"] = {"type": "dashboard", "id": "a-persons", "attributes": {}}
    fake.space.connectors["theirs"] = {"id": "theirs", "name": "t", "connector_type_id": ".slack"}
    assert len(uninstall(connect(settings), mine, dry_run=True)) == len(mine.objects) + 12
    assert len(fake.space.rules) == 20
    uninstall(connect(settings), mine)
    assert set(fake.space.rules) == {rule.id for rule in other.rules}
    assert set(fake.space.connectors) == {"theirs", *(one.id for one in other.connectors)}
    assert set(fake.space.objects) == {
        ("dashboard", "a-persons"),
        *((one["type"], one["id"]) for one in other.objects),
    }
    assert uninstall(connect(settings), mine) == []


def test_two_spaces_of_one_kibana(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Kibana gives the objects of the second space other ids; they are known all the same."""
    fake.spaces["ml"] = type(fake.space)()
    second = msgspec.structs.replace(settings, space="ml")
    install(connect(settings), wanted("driftlog", settings))
    want = wanted("driftlog", second)
    install(connect(second), want)
    ids = {saved["id"] for saved in fake.spaces["ml"].objects.values()}
    assert ids.isdisjoint(saved["id"] for saved in fake.space.objects.values()) and len(ids) == len(want.objects)
    assert {change.action for change in plan(connect(second), want)} == {"unchanged"}
    uninstall(connect(second), want)
    assert fake.spaces["ml"].objects == fake.spaces["ml"].rules == fake.spaces["ml"].connectors == {}
    assert len(fake.space.rules) == 10


def test_an_id_that_another_space_has_is_explained(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Kibana says 409 to POST and 404 to PUT."""
    want = wanted("driftlog", settings)
    install(connect(settings), want)
    fake.spaces["copy"] = type(fake.space)(rules=dict(fake.space.rules))
    fake.space.rules.clear()
    with pytest.raises(KibanaError, match="not in this space"):
        install(connect(settings), want)


def test_a_rule_that_appears_meanwhile_is_updated(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """POST that was carried out and not heard of: sent again, 409, then PUT, and nothing is there twice."""
    want = wanted("driftlog", settings)
    fake.fail("POST", "/api/alerting/rule/", drop=True, after=True)
    fake.fail("POST", "/api/actions/connector/", drop=True, after=True)
    install(connect(settings), want)
    assert len(fake.space.rules) == 10 and len(fake.space.connectors) == 2
    assert fake.asked("PUT", "/api/alerting/rule/") == 1 and fake.asked("PUT", "/api/actions/connector/") == 1


def test_an_import_that_says_200_and_failed_is_an_error(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """The message names each object and what it lacks."""
    want = wanted("driftlog", settings)
    broken = type(want)(want.prefix, tuple(one for one in want.objects if one["type"] != "index-pattern"), (), ())
    with pytest.raises(KibanaError, match=r"imported 0 of .*missing_references \(index-pattern driftlog-kibana-view"):
        install(connect(settings), broken, ["dashboards"])
    assert fake.space.objects == {}


def test_an_object_that_is_there_twice_is_refused(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """400, which is not tried again."""
    want = wanted("driftlog", settings)
    twice = type(want)(want.prefix, (*want.objects, want.objects[0]), (), ())
    with pytest.raises(KibanaError, match="Non-unique import objects"):
        install(connect(settings), twice, ["dashboards"])
    assert fake.asked("POST", "_import") == 1


def test_further_connectors_are_told_and_their_secrets_kept(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """email and webhook are made, slack is there already; every rule tells all of them; a diff shows no secret."""
    fake.space.connectors["chat"] = {"id": "chat", "name": "chat", "connector_type_id": ".slack", "config": {}}
    mail = KibanaConnectorSettings(
        kind="email",
        to=("a@example.com",),
        sender="driftlog@example.com",
        host="smtp.example.com",
        username="u",
        password=Secret("pw-of-mail"),
    )
    hook = KibanaConnectorSettings(kind="webhook", url=Secret("https://hooks.example.com/t0ken"))
    slack = KibanaConnectorSettings(kind="slack", id="chat")
    told = msgspec.structs.replace(settings, connectors=(mail, hook, slack))
    want = wanted("driftlog", told)
    install(connect(told), want)
    assert len(fake.space.connectors) == 5
    assert {len(rule["actions"]) for rule in fake.space.rules.values()} == {10}
    other = msgspec.structs.replace(told, connectors=(msgspec.structs.replace(hook, url=Secret("https://x/n3w")),))
    changes = plan(connect(other), wanted("driftlog", other))
    assert "t0ken" not in str(changes) and "n3w" not in str(changes) and "pw-of-mail" not in str(changes)
    assert [change.action for change in changes if change.part == "connectors"] == [
        "unchanged",
        "unchanged",
        "update",
        "remove",
    ]


def test_writing_again_takes_new_secrets_and_a_new_key(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Of what does not differ; what people set stays, and so do dashboards."""

    def told(address: str) -> KibanaSettings:
        slack = KibanaConnectorSettings(kind="slack", url=Secret(address))
        return msgspec.structs.replace(settings, connectors=(slack,))

    install(connect(settings), wanted("driftlog", told("https://hooks.example.com/old")))
    for rule in fake.space.rules.values():
        rule["enabled"] = False
    want = wanted("driftlog", told("https://hooks.example.com/new"))
    fake.requests.clear()
    assert {change.action for change in install(connect(settings), want)} == {"unchanged"}
    assert fake.writes() == []
    assert {change.action for change in install(connect(settings), want, again=True)} == {"unchanged"}
    (slack,) = (one for one in fake.space.connectors.values() if one["connector_type_id"] == ".slack")
    assert slack["secrets"] == {"webhookUrl": "https://hooks.example.com/new"}
    assert [rule["revision"] for rule in fake.space.rules.values()] == [1] * 10
    assert not any(rule["enabled"] for rule in fake.space.rules.values())
    assert fake.asked("POST", "_import") == 0


def test_a_connector_that_is_not_there_is_named(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """Before anything is written; and one of another type as well."""
    fake.space.connectors["log"] = {"id": "log", "name": "log", "connector_type_id": ".server-log", "config": {}}
    for id, said in (("nowhere", "no connector 'nowhere'"), ("log", "of type .server-log, not .slack")):
        told = msgspec.structs.replace(settings, connectors=(KibanaConnectorSettings(kind="slack", id=id),))
        with pytest.raises(KibanaError, match=said):
            install(connect(told), wanted("driftlog", told))
    assert fake.writes() == []


def test_a_kibana_that_recovers_is_waited_for(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """429, 500, 503 and a lost connection, at every kind of request: in the end everything is there once."""
    fake.fail("POST", "_export", status=503)
    fake.fail("POST", "_import", status=429, headers={"Retry-After": "1"})
    fake.fail("POST", "_import", drop=True, after=True)
    fake.fail("GET", "/api/actions/connectors", status=500, body={"message": "An internal server error occurred."})
    fake.fail("POST", "/api/alerting/rule/", status=502, body="<html>Bad gateway</html>", times=3)
    want = wanted("driftlog", settings)
    install(connect(settings), want)
    assert {change.action for change in plan(connect(settings), want)} == {"unchanged"}


def test_a_kibana_that_does_not_recover_is_an_error(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """Five attempts, then what Kibana said."""
    fake.fail("POST", "_import", status=500, body={"message": "disk full"}, times=99)
    with pytest.raises(KibanaUnavailable, match="disk full"):
        install(connect(settings), wanted("driftlog", settings))
    assert fake.asked("POST", "_import") == 5


def test_a_missing_privilege_is_explained(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """403: which privileges are needed, before anything is written."""
    fake.forbidden.add("/api/alerting/rule/")
    with pytest.raises(KibanaAccessDenied) as refused:
        install(connect(settings), wanted("driftlog", settings))
    assert "Stack Rules" in refused.value.remedy and "docs/kibana-rules.md" in refused.value.remedy
    assert fake.writes() == []


def test_what_stopped_in_the_middle_goes_on(fake: FakeKibana, settings: KibanaSettings, connect: Connect) -> None:
    """The fourth rule is refused: what came before is there, and the same call makes the rest."""
    want = wanted("driftlog", settings)
    fake.fail("POST", want.rules[3].id, status=400, body={"message": "no"})
    with pytest.raises(KibanaError, match="no"):
        install(connect(settings), want)
    assert counts(install(connect(settings), want)) == {"unchanged": len(want.objects) + 5, "create": 7}


def test_rules_without_their_connectors_are_not_made(
    fake: FakeKibana, settings: KibanaSettings, connect: Connect
) -> None:
    """--only rules in an empty space says what is missing; dashboards need no connector."""
    want = wanted("driftlog", settings)
    with pytest.raises(KibanaError, match="connectors that the rules use are not there"):
        install(connect(settings), want, ["rules"])
    install(connect(settings), want, ["dashboards"])
    assert fake.space.rules == fake.space.connectors == {}
