"""Messages: what they say, that nothing from outside becomes markup, and a chart of whatever was measured."""

from __future__ import annotations

import math
from datetime import timedelta
from html.parser import HTMLParser
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.integration.act.stories import NOW, alert, measurement, series

from driftlog.contract.alert import AlertMember
from driftlog.contract.measurement import Limit
from driftlog.contract.notification import Notice
from driftlog.present.charts.lines import Level, Point
from driftlog.present.charts.picture import HEIGHT, SCALE, WIDTH, line_picture
from driftlog.present.mail import SHORT_CHARS, Item, alert_message, digest_message, trial_message
from driftlog.present.text import number


def notice(kind: str = "opened", transition: int = 1) -> Notice:
    return Notice(
        id="n",
        alert_id=alert().id,
        transition=transition,
        kind=kind,
        channel="team",
        model="flights",
        environment="test",
        severity="critical",
        at=NOW,
        due=NOW,
    )


def item(**more: object) -> Item:
    return Item(alert=alert("opened", **more), notices=(notice(),), series=tuple(series()))  # type: ignore[arg-type]


class Tags(HTMLParser):
    """Names of the elements, and addresses of links and pictures."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.addresses: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        assert not [name for name, _ in attrs if name.startswith("on")]


# what it says


def test_a_message_says_what_where_when_and_what_to_do() -> None:
    """In text and in HTML."""
    message = alert_message(item(assignee="ada"), key="k")
    for words in ("ROC AUC", "0.643", "flights, test", "2026-03-02", "ada", "Delays are found", "Version 1.4.0"):
        assert words in message.text
        assert words in message.html
    assert f"driftlog alerts ack {alert().handle}" in message.text
    assert "https://wiki.example.org/flights/auc" in message.html


@pytest.mark.parametrize(
    ("kind", "subject"),
    [("opened", "[critical]"), ("escalated", "[escalated, critical]"), ("resolved", "[resolved]")],
)
def test_the_subject_begins_with_the_severity(kind: str, subject: str) -> None:
    """Or with being over."""
    found = Item(alert=alert("opened", kind), notices=(notice(kind, 2),))
    assert alert_message(found, key="k").title == f"{subject} flights: performance is worse than the reference"


def test_several_transitions_are_one_message_that_names_them_all() -> None:
    """The newest in front."""
    found = Item(alert=alert("opened", "worsened"), notices=(notice(), notice("worsened", 2)))
    message = alert_message(found, key="k")
    assert message.kind == "worsened"
    assert "Before: New alert" in message.html


def test_who_did_it_and_why_is_told() -> None:
    """Of what people do."""
    found = alert("opened", "acknowledged")
    by = found.history[1].__class__(number=2, kind="acknowledged", at=NOW, by="ada@host", text="on it")
    message = alert_message(
        Item(
            alert=alert("opened", "acknowledged", history=(found.history[0], by)), notices=(notice("acknowledged", 2),)
        ),
        key="k",
    )
    assert "Acknowledged by ada@host: on it" in message.text


def test_values_that_are_missing_are_dashes() -> None:
    """A window without a value, without a limit."""
    bare = measurement(0, None, "insufficient_data", limit=None, reference_value=None, lower=None, upper=None)
    message = alert_message(Item(alert=alert("opened", latest=bare), notices=(notice(),)), key="k")
    assert "ROC AUC: –" in message.text
    assert message.picture is None
    assert "cid:" not in message.html


def test_of_many_members_ten_are_shown() -> None:
    """And how many more there are."""
    members = tuple(AlertMember("psi", f"features.f{n}", 0.5, 0.1, "warning") for n in range(40))
    message = alert_message(item(members=members), key="k")
    assert "and 30 more" in message.text
    assert "and 30 more" in message.html


def test_a_digest_has_the_worst_first_and_counts() -> None:
    """What is over comes last."""
    calm = Item(alert=alert("opened", severity="info", key="a", title="calm"), notices=(notice(),))
    over = Item(alert=alert("opened", "resolved", key="b", title="over"), notices=(notice("resolved", 2),))
    bad = Item(alert=alert("opened", key="c", title="bad"), notices=(notice(),))
    message = digest_message([over, calm, bad], key="k", why="Because.")
    assert message.title == "[digest] 3 alerts: 1 critical, 1 info, 1 resolved"
    assert message.text.index("bad") < message.text.index("calm") < message.text.index("over")
    assert message.tone == "critical"


def test_a_digest_of_very_many_stays_short() -> None:
    """Forty are named."""
    many = [Item(alert=alert("opened", key=f"k{n}", title=f"alert {n}"), notices=(notice(),)) for n in range(200)]
    message = digest_message(many, key="k", why="Because.")
    assert "and 160 more" in message.text
    assert "and 160 more" in message.html
    assert len(message.short) <= SHORT_CHARS
    assert len(message.html) < 100_000  # some mail programs cut longer ones


# hostile names


@given(st.text(max_size=400))
@settings(max_examples=60, deadline=None)
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    """Elements and addresses are the same whatever the names are, and the subject is one line."""
    safe = alert_message(Item(alert(), (notice(),)), key="k")
    names = {"title": text, "message": text, "suggested": (text, text), "assignee": text or "x"}
    evil = alert_message(Item(alert("opened", **names), (notice(),)), key="k")
    assert set(Tags(evil.html).names) == set(Tags(safe.html).names)
    assert Tags(evil.html).addresses == Tags(safe.html).addresses
    assert len(evil.title.splitlines()) == 1
    assert len(evil.short) <= SHORT_CHARS + 5


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//evil", "wiki/page"])
def test_only_http_addresses_are_links(url: str) -> None:
    """A runbook of another kind is left out."""
    message = alert_message(item(runbook=url), key="k")
    assert url not in message.html
    assert url not in message.text


def test_an_alert_in_an_address_is_quoted() -> None:
    """Its id holds bars, a hash, and whatever a segment is called."""
    found = Item(alert=alert(key='a|"><b>'), notices=(notice(),), link="https://k.example.org/?a={alert}&m={model}")
    assert Tags(alert_message(found, key="k").html).addresses[0] == (
        "https://k.example.org/?a=a%7C%22%3E%3Cb%3E%231&m=flights"
    )


def test_a_test_message_names_who_sent_it() -> None:
    """And that there is nothing to do."""
    message = trial_message("team", key="k", by="<ada>", now=NOW)
    assert "Sent by <ada>" in message.text
    assert "&lt;ada&gt;" in message.html
    assert "nothing to do" in message.text


# the chart


def points(values: list[float | None]) -> list[Point]:
    found = []
    for day, value in enumerate(values):
        window = measurement(len(values) - day, 0.5).window
        lower, upper = (None, None) if value is None else (value - 0.1, value + 0.1)
        found.append(Point(window, value, lower, upper, "critical" if day % 5 == 4 else "ok"))
    return found


def picture(values: list[float | None], *levels: Level) -> Image.Image | None:
    content = line_picture(points(values), levels, form=number)
    if content is None:
        return None
    image = Image.open(BytesIO(content))
    image.load()
    return image


def test_the_chart_has_the_size_of_a_fine_screen() -> None:
    """And weighs little, with a year of windows, too."""
    image = picture([math.sin(n / 9) for n in range(365)])
    assert image is not None
    assert image.size == (WIDTH * SCALE, HEIGHT * SCALE)
    content = line_picture(points([math.sin(n / 9) for n in range(365)]), (), form=number)
    assert content is not None
    assert len(content) < 120_000


def test_limits_and_breaches_are_drawn() -> None:
    """The picture with them differs from the one without, in their colours."""
    level = Level("critical", 0.9, "critical")
    plain, limited = picture([0.2, 0.3]), picture([0.2, 0.3], level)
    assert plain is not None
    assert limited is not None
    red = (179, 38, 76)
    assert not near(plain, red)
    assert near(limited, red)


def near(image: Image.Image, colour: tuple[int, int, int]) -> bool:
    found = image.convert("RGB").getcolors(image.width * image.height) or []
    return any(max(abs(a - b) for a, b in zip(one, colour, strict=True)) < 30 for _, one in found)  # type: ignore[arg-type]


@given(
    st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=12),
    st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=3),
)
@settings(max_examples=15, deadline=None)
def test_whatever_was_measured_can_be_drawn(values: list[float | None], limits: list[float]) -> None:
    """NaN, infinities, gaps, one point, huge numbers; without any finite value there is no picture."""
    image = picture(values, *(Level("warning", value, "warning") for value in limits))
    assert (image is not None) == any(value is not None and math.isfinite(value) for value in values)


def test_the_limit_of_a_share_is_written_as_the_value_is() -> None:
    """Percent for percent."""
    m = measurement(0, 0.12, metric="missing_share", purpose="quality", limit=Limit("constant", "above", warning=0.05))
    found = Item(alert=alert("opened", latest=m), notices=(notice(),))
    assert "Limit: above warning 5 %" in alert_message(found, key="k").text


def test_a_window_of_hours_is_told_with_its_hours() -> None:
    """Not only with its day."""
    day = measurement(0, 0.1)
    hour = measurement(0, 0.1, window=day.window.__class__(day.window.start, day.window.start + timedelta(hours=1)))
    found = Item(alert=alert("opened", latest=hour), notices=(notice(),))
    assert "2026-03-02 00:00 – 01:00 (UTC)" in alert_message(found, key="k").text
