"""Settings of notifications that cannot be used are refused with their path, and never with an address."""

from __future__ import annotations

import logging

import pytest

from driftlog.config.load import build_settings
from driftlog.contract.errors import ConfigError

GOOD = "json://user:hush@127.0.0.1/hook"


def build(channels: object = None, routes: object = None, **more: object) -> None:
    channels = [{"name": "team", "urls": [GOOD]}] if channels is None else channels
    routes = [{"channels": ["team"]}] if routes is None else routes
    build_settings({"notifications": {"channels": channels, "routes": routes, **more}}, {})


def refusal(channels: object = None, routes: object = None, **more: object) -> str:
    with pytest.raises(ConfigError) as caught:
        build(channels, routes, **more)
    return str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        GOOD,
        "mailtos://user:pass@smtp.example.org?to=a@example.org",
        "mailto://127.0.0.1:2525?from=a@example.org&to=b@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general",
        "pagerduty://" + "a" * 32 + "@" + "b" * 20,
        "tgram://123456789:abcdefg_hijklmnop/12315544/",
        "smseagle://token@gateway.example.org/+15551234567",
        "workflows://host:443/workflow/signature/",
    ],
)
def test_addresses_that_apprise_knows_are_taken(url: str) -> None:
    """Email, chat, pagers, telephones, webhooks."""
    build([{"name": "team", "urls": [url]}])


@pytest.mark.parametrize("url", ["nonsense-hush", "foo://hush@host", "slack://hush", "mailto://", "json://"])
def test_an_address_that_cannot_be_used_is_refused_and_not_shown(
    url: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """Path and remedy; the address is in no message and no log."""
    with caplog.at_level(logging.DEBUG):
        text = refusal([{"name": "team", "urls": [GOOD, url]}])
    assert "notifications.channels[0].urls[1]" in text
    assert "->" in text
    printed = capfd.readouterr()
    for place in (text, caplog.text, printed.out, printed.err):
        assert "hush" not in place


@pytest.mark.parametrize(
    "channels",
    [{"name": "team", "urls": [GOOD]}, [{"name": "team", "urls": {"a": GOOD}}], [{"name": "team", "urls": [[GOOD]]}]],
)
def test_addresses_in_the_wrong_shape_are_not_shown(channels: object) -> None:
    """A mapping for a list, a list for a text."""
    assert "hush" not in refusal(channels)


@pytest.mark.parametrize(
    ("channel", "path"),
    [
        ({"name": "Team A", "urls": [GOOD]}, "channels[0].name"),
        ({"name": "team", "urls": []}, "channels[0].urls"),
        ({"name": "team", "urls": [GOOD], "attempts": 0}, "channels[0].attempts"),
        ({"name": "team", "urls": [GOOD], "timeout_s": 0}, "channels[0].timeout_s"),
        ({"name": "team", "urls": [GOOD], "digest": "5s"}, "channels[0].digest"),
        ({"name": "team", "urls": [GOOD], "fallback": "boss"}, "channels[0].fallback"),
        ({"name": "team", "urls": [GOOD], "fallback": "team"}, "channels[0].fallback"),
    ],
)
def test_a_channel_that_cannot_work_is_refused(channel: dict[str, object], path: str) -> None:
    """The message names the setting."""
    assert f"notifications.{path}" in refusal([channel])


def test_fallbacks_that_go_in_a_circle_are_refused() -> None:
    """Or nothing would ever have failed for good."""
    channels = [{"name": a, "urls": [GOOD], "fallback": b} for a, b in (("team", "boss"), ("boss", "team"))]
    assert "leads back" in refusal(channels)


@pytest.mark.parametrize(
    ("route", "path"),
    [
        ({"channels": []}, "routes[0].channels"),
        ({"channels": ["nobody"]}, "routes[0].channels[0]"),
        ({"channels": ["team"], "kinds": ["opend"]}, "routes[0].kinds[0]"),
        ({"channels": ["team"], "hours": "8-18"}, "routes[0].hours"),
        ({"channels": ["team"], "days": "weekdays"}, "routes[0].days"),
        ({"channels": ["team"], "timezone": "Europe/Berlinn"}, "routes[0].timezone"),
    ],
)
def test_a_route_that_leads_nowhere_is_refused(route: dict[str, object], path: str) -> None:
    """The message names the setting."""
    assert f"notifications.{path}" in refusal(None, [route])


def test_a_link_that_is_no_address_is_refused() -> None:
    """It would stand in every message."""
    assert "notifications.link" in refusal(link="javascript:alert(1)")
