"""Channels and routes of notifications."""

from __future__ import annotations

from typing import Final

NOTIFYING: Final[dict[str, str]] = {
    "notifications.channels": "Ways to reach people.",
    "notifications.channels[].name": "Name, for routes and for `driftlog notify test NAME`.",
    "notifications.channels[].urls": "Addresses as apprise writes them; write ${VARIABLE}, not the address.",
    "notifications.channels[].digest": "Collect for this long and send one message; none: each at once.",
    "notifications.channels[].rate_per_hour": "More messages become one digest at the end of the hour.",
    "notifications.channels[].attempts": "So often is a message tried before the fallback gets it.",
    "notifications.channels[].backoff": "Pause after the first failure; twice as long after each further one.",
    "notifications.channels[].timeout_s": "Seconds until an attempt is given up.",
    "notifications.channels[].fallback": "Channel that gets what this one could not deliver.",
    "notifications.channels[].text": "auto: what the service can show; short: the text for telephones.",
    "notifications.channels[].attach_chart": "Attach the chart where the service takes files; emails always show it.",
    "notifications.routes": "Which alert goes to which channels; every route that fits counts.",
    "notifications.routes[].channels": "Names of channels.",
    "notifications.routes[].models": "Shell patterns of model names.",
    "notifications.routes[].owners": "Shell patterns of models' owners (`models.<name>.owner`), for teams.",
    "notifications.routes[].severity": "The least severity: info, warning or critical.",
    "notifications.routes[].kinds": "What is told: opened, worsened, escalated, resolved, reopened, acknowledged, ...",
    "notifications.routes[].hours": "08:00-18:00: only at these hours; empty: always.",
    "notifications.routes[].days": "mon-fri, or mon,wed: only on these days; empty: every day.",
    "notifications.routes[].timezone": "Of hours and days.",
    "notifications.routes[].outside": "At other times: wait for the next opening, or drop.",
    "notifications.max_age": "What happened longer ago and was not told yet is not told any more.",
    "notifications.link": "Address that shows an alert; {model} and {alert} are filled in.",
}
