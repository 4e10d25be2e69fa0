"""PagerDuty: the address as apprise reads it; incidents that open, are acknowledged and resolved under one key.

apprise sends every message as a new incident: it gives no deduplication key.
"""

from __future__ import annotations

from typing import Any

import requests
from apprise.plugins.pagerduty import PAGERDUTY_API_LOOKUP, NotifyPagerDuty

from driftlog.act.notify.answers import by_status
from driftlog.act.notify.mail import message_id
from driftlog.contract.notification import Message, Sent

_ACTIONS = {"resolved": "resolve", "acknowledged": "acknowledge"}
_SEVERITIES = {"info": "info", "warning": "warning", "critical": "critical", "resolved": "info"}


def send(service: NotifyPagerDuty, message: Message) -> Sent:
    """One event of the Events API v2."""
    try:
        answer = requests.post(
            PAGERDUTY_API_LOOKUP[service.region_name],
            json=event(service, message),
            verify=service.verify_certificate,
            timeout=service.request_timeout,
            allow_redirects=False,
        )
    except requests.Timeout:
        return Sent(ok=False, reason="no answer in time")
    except requests.RequestException:
        return Sent(ok=False, reason="no connection")
    return Sent(ok=True) if answer.status_code in (200, 201, 202) else by_status(answer.status_code)


def event(service: NotifyPagerDuty, message: Message) -> dict[str, Any]:
    """The event: the alert's key makes repetitions and the resolution meet the incident that is there."""
    payload: dict[str, Any] = {
        "summary": message.title[:1024],
        "severity": service.severity or _SEVERITIES[message.tone],
        "source": service.source,
        "component": service.component,
        "custom_details": {**message.facts, "text": message.text[:4000]},
    }
    if service.group:
        payload["group"] = service.group
    if service.class_id:
        payload["class"] = service.class_id
    found: dict[str, Any] = {
        "routing_key": service.integration_key,
        "event_action": _ACTIONS.get(message.kind, "trigger"),
        "dedup_key": message_id(message.thread or message.key),
        "client": "driftlog",
        "payload": payload,
    }
    links = [message.facts[name] for name in ("link", "runbook") if message.facts.get(name)]
    if links:
        found["links"] = [{"href": href, "text": href} for href in links]
    return found
