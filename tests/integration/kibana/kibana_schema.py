"""What Kibana's schemas accept: rules, their parameters, connectors and what actions hand to them.

Read from Kibana's sources (9.x): unknown keys are refused, missing ones too, and so are values out of range.
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.unit.present.kibana.kql import parse

Body = dict[str, Any]

CREATE = {
    "required": {"name", "rule_type_id", "consumer", "schedule"},
    "optional": {
        "enabled",
        "tags",
        "throttle",
        "params",
        "actions",
        "notify_when",
        "alert_delay",
        "flapping",
        "artifacts",
    },
}
UPDATE = {
    "required": {"name", "schedule", "params"},
    "optional": {"tags", "throttle", "actions", "notify_when", "alert_delay", "flapping", "artifacts"},
}
ACTION = {
    "required": {"id"},
    "optional": {"group", "params", "frequency", "uuid", "alerts_filter", "use_alert_data_for_template"},
}
FREQUENCY: dict[str, set[str]] = {"required": {"summary", "notify_when", "throttle"}, "optional": set()}
GROUPS = {".es-query": {"query matched", "recovered"}, ".index-threshold": {"threshold met", "recovered"}}
COMPARATORS = {">", ">=", "<", "<=", "between", "notBetween"}
AGGREGATIONS = {"count", "avg", "min", "max", "sum"}
_COMMON = {"aggField", "termField", "termSize"}
PARAMS = {
    ".es-query": {
        "required": {
            "size",
            "timeWindowSize",
            "timeWindowUnit",
            "threshold",
            "thresholdComparator",
            "timeField",
            "esQuery",
            "index",
        },
        "optional": {"excludeHitsFromPreviousRun", "aggType", "groupBy", "searchType", "sourceFields", *_COMMON},
    },
    ".index-threshold": {
        "required": {"index", "timeField", "timeWindowSize", "timeWindowUnit", "threshold", "thresholdComparator"},
        "optional": {"aggType", "groupBy", "filterKuery", *_COMMON},
    },
}
CONNECTORS: dict[str, dict[str, dict[str, set[str]]]] = {
    ".index": {
        "config": {"required": {"index"}, "optional": {"refresh", "executionTimeField"}},
        "secrets": {"required": set(), "optional": set()},
        "params": {"required": {"documents"}, "optional": {"indexOverride"}},
    },
    ".server-log": {
        "config": {"required": set(), "optional": set()},
        "secrets": {"required": set(), "optional": set()},
        "params": {"required": {"message"}, "optional": {"level"}},
    },
    ".email": {
        "config": {
            "required": {"from"},
            "optional": {
                "service",
                "host",
                "port",
                "secure",
                "hasAuth",
                "tenantId",
                "clientId",
                "oauthTokenUrl",
            },
        },
        "secrets": {"required": set(), "optional": {"user", "password", "clientSecret"}},
        "params": {
            "required": {"subject", "message"},
            "optional": {"to", "cc", "bcc", "replyTo", "messageHTML", "kibanaFooterLink", "attachments"},
        },
    },
    ".slack": {
        "config": {"required": set(), "optional": set()},
        "secrets": {"required": {"webhookUrl"}, "optional": set()},
        "params": {"required": {"message"}, "optional": set()},
    },
    ".webhook": {
        "config": {"required": {"url"}, "optional": {"method", "headers", "hasAuth", "authType"}},
        "secrets": {"required": set(), "optional": {"user", "password", "crt", "key", "pfx", "secretHeaders"}},
        "params": {"required": set(), "optional": {"body"}},
    },
}
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
_DURATION = re.compile(r"[1-9][0-9]*[smhd]\Z")


class Refused(Exception):
    """400, with Kibana's message."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise Refused(message)


def check_keys(body: object, keys: dict[str, set[str]], where: str) -> Body:
    require(isinstance(body, dict), f"[{where}]: expected a plain object value")
    assert isinstance(body, dict)
    for key in sorted(keys["required"] - body.keys()):
        raise Refused(f"[{where}.{key}]: expected value but got [undefined]")
    for key in sorted(body.keys() - keys["required"] - keys["optional"]):
        raise Refused(f"[{where}.{key}]: definition for this key is missing")
    return body


def check_id(id: str) -> None:
    require(
        _UUID.match(id),
        "Predefined IDs are not allowed for saved objects with encrypted attributes unless the ID is a UUID.",
    )


def check_rule(body: object, connectors: dict[str, Body], *, kind: str = "") -> Body:
    """`body` of a POST, or of a PUT of a rule of type `kind`."""
    rule = check_keys(body, UPDATE if kind else CREATE, "request body")
    kind = kind or rule["rule_type_id"]
    require(kind in PARAMS, f'Rule type "{kind}" is not registered.')
    if "consumer" in rule:
        require(rule["consumer"] == "stackAlerts", "Unauthorized to create a rule for this consumer")
    require(isinstance(rule["name"], str) and rule["name"], "[request body.name]: expected value of type [string]")
    require(isinstance(rule.get("enabled", True), bool), "[request body.enabled]: expected value of type [boolean]")
    tags = rule.get("tags", [])
    require(isinstance(tags, list) and all(isinstance(tag, str) for tag in tags), "[request body.tags]: no strings")
    check_keys(rule["schedule"], {"required": {"interval"}, "optional": set()}, "request body.schedule")
    interval = rule["schedule"]["interval"]
    require(_DURATION.match(interval) and not interval.endswith("s"), "Interval is less than minimum interval of 1m")
    check_params(kind, rule.get("params", {}))
    for action in rule.get("actions", []):
        _check_action(kind, action, connectors)
    return rule


def check_params(kind: str, params: object) -> None:
    given = check_keys(params, PARAMS[kind], "params")
    size, unit = given["timeWindowSize"], given["timeWindowUnit"]
    require(isinstance(size, int) and size >= 1, "[params.timeWindowSize]: Value must be equal to or greater than [1]")
    require(unit in {"s", "m", "h", "d"}, f'[params.timeWindowUnit]: invalid timeWindowUnit: "{unit}"')
    limits = given["threshold"]
    numbers = all(isinstance(limit, int | float) and not isinstance(limit, bool) for limit in limits)
    require(isinstance(limits, list) and 1 <= len(limits) <= 2 and numbers, "[params.threshold]: no numbers")
    comparator = given["thresholdComparator"]
    require(comparator in COMPARATORS, f"invalid thresholdComparator specified: {comparator}")
    require(len(limits) == (2 if "etween" in comparator else 1), "[params.threshold]: wrong number")
    require(given.get("aggType", "count") in AGGREGATIONS, f'invalid aggType: "{given.get("aggType")}"')
    require(given.get("aggType", "count") == "count" or given.get("aggField"), "[aggField]: must have a value")
    require(given.get("groupBy", "all") in {"all", "top"}, "invalid groupBy")
    if given.get("groupBy") == "top":
        require(given.get("termField"), "[termField]: termField required when [groupBy] is top")
        require(1 <= given.get("termSize", 0) <= 1000, "[termSize]: must be less than or equal to 1000")
    index = given["index"]
    require(isinstance(index, list) and index and all(isinstance(name, str) for name in index), "[params.index]")
    if kind == ".es-query":
        require(given.get("searchType") == "esQuery", "[params.searchType]")
        require(isinstance(given["size"], int) and 0 <= given["size"] <= 10_000, "[params.size]")
        require(isinstance(given.get("excludeHitsFromPreviousRun", True), bool), "[params.excludeHitsFromPreviousRun]")
        try:
            query = json.loads(given["esQuery"])
        except ValueError:
            raise Refused("[esQuery]: must be valid JSON") from None
        require(isinstance(query, dict) and query.get("query"), '[esQuery]: must contain "query"')
    elif "filterKuery" in given:
        try:
            parse(given["filterKuery"])
        except ValueError as error:
            raise Refused(f"filterKuery is not valid: {error}") from None


def _check_action(kind: str, action: object, connectors: dict[str, Body]) -> None:
    given = check_keys(action, ACTION, "request body.actions")
    require(given.get("group") in GROUPS[kind], f"Invalid action groups: {given.get('group')}")
    frequency = check_keys(given.get("frequency"), FREQUENCY, "request body.actions.frequency")
    require(frequency["notify_when"] in {"onActionGroupChange", "onActiveAlert", "onThrottleInterval"}, "notify_when")
    require((frequency["notify_when"] == "onThrottleInterval") == (frequency["throttle"] is not None), "throttle")
    require(given["id"] in connectors, f"Failed to load action with id {given['id']}")
    check_action_params(connectors[given["id"]]["connector_type_id"], given.get("params", {}))


def check_action_params(connector_type: str, params: object) -> None:
    given = check_keys(params, CONNECTORS[connector_type]["params"], "params")
    if connector_type == ".index":
        documents = given["documents"]
        require(isinstance(documents, list) and documents, "[documents]: expected value of type [array]")
        require(all(isinstance(document, dict) for document in documents), "[documents]: no objects")
    if connector_type == ".server-log":
        require(given.get("level", "info") in {"trace", "debug", "info", "warn", "error", "fatal"}, "[level]")
    if connector_type == ".email":
        require(all(isinstance(one, str) for one in given.get("to", [])) and given.get("to"), "[to]: no recipients")
    for name in ("message", "subject", "body"):
        require(isinstance(given.get(name, ""), str), f"[{name}]: expected value of type [string]")


def check_connector(body: object, *, kind: str = "") -> Body:
    """`body` of a POST, or of a PUT of a connector of type `kind`."""
    keys = {"required": {"name"} if kind else {"name", "connector_type_id"}, "optional": {"config", "secrets"}}
    given = check_keys(body, keys, "request body")
    kind = kind or given["connector_type_id"]
    require(kind in CONNECTORS, f'action type "{kind}" is not registered')
    for part in ("config", "secrets"):
        check_keys(given.get(part, {}), CONNECTORS[kind][part], f"error validating connector type {part}")
    return given
