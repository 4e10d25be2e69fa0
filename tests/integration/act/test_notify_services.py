"""Messages on real receivers: a mail server, an HTTP server, an SMS gateway's protocol, PagerDuty's events."""

from __future__ import annotations

import logging
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from io import BytesIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from apprise.plugins import pagerduty as apprise_pagerduty
from PIL import Image
from tests.integration.act.receivers import HttpReceiver, Mailbox, free_port, wait_for
from tests.integration.act.stories import NOW, alert, channel, series, settings

from driftlog.act.notify.direct import tell
from driftlog.act.notify.limited import Hands
from driftlog.act.notify.services import deliver
from driftlog.act.notify.writing import notices_of
from driftlog.contract.alert import AlertMember
from driftlog.contract.notification import Message, Sent
from driftlog.contract.strict import Secret
from driftlog.present.mail import Item, alert_message, trial_message

FROM_TO = "from=driftlog@example.org&to=ada@example.org"


def message(*kinds: str, **more: Any) -> Message:
    found = alert(*kinds, **more)
    notices = notices_of([found], settings(channel("team", "json://host")).notifications, {}, now=NOW)
    item = Item(
        alert=found,
        notices=tuple(notices),
        series=tuple(series()),
        owner="team-air",
        link="https://kibana.example.org/alerts?model={model}&id={alert}",
    )
    return alert_message(item, key=f"{found.id}|{len(found.history)}")


def send(url: str, content: Message, *, timeout_s: float = 10.0, **more: Any) -> Sent:
    return deliver(Secret(url), content, timeout_s=timeout_s, **more)


def mail_to(box: Mailbox, content: Message, more: str = "") -> Sent:
    return send(f"mailto://127.0.0.1:{box.port}?{FROM_TO}{more}", content)


def part(email: EmailMessage, kind: str) -> Any:
    (found,) = [one for one in email.walk() if one.get_content_type() == kind]
    return found


# email


def test_an_email_has_text_html_and_the_chart() -> None:
    """Both parts say what happened; the chart is inside the HTML and is a PNG."""
    with Mailbox() as box:
        assert mail_to(box, message("opened")) == Sent(ok=True)
        (email,) = box.emails
    assert email["Subject"] == "[critical] flights: performance is worse than the reference"
    assert email["To"] == "ada@example.org"
    assert [one.get_content_type() for one in email.walk()] == [
        "multipart/alternative",
        "text/plain",
        "multipart/related",
        "text/html",
        "image/png",
    ]
    text, html = part(email, "text/plain").get_content(), part(email, "text/html").get_content()
    for words in ("ROC AUC", "0.643", "below warning 0.700", "team-air", "driftlog alerts ack", "Segment origin=EWR"):
        assert words in text
        assert words in html
    assert "https://kibana.example.org/alerts?model=flights&id=flights%7Ctest%7Cperformance%231" in text
    picture = part(email, "image/png")
    assert picture["Content-ID"] == "<chart.png>"
    assert 'src="cid:chart.png"' in html
    image = Image.open(BytesIO(picture.get_content()))
    image.load()
    assert image.format == "PNG"
    assert image.width >= 1000


def test_every_attempt_has_the_same_message_id_and_alerts_stand_together() -> None:
    """So a message that was sent twice is shown once; another transition is another message of the same thread."""
    with Mailbox() as box:
        for content in (message("opened"), message("opened"), message("opened", "resolved")):
            assert mail_to(box, content).ok
        first, again, later = box.emails
    assert first["Message-ID"] == again["Message-ID"] != later["Message-ID"]
    assert first["References"] == later["References"]


def test_a_login_over_starttls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The password's special characters arrive; an untrusted certificate and a wrong password are final refusals."""
    certificate, key = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Mailbox(login=True, tls_context=context, require_starttls=True) as box:
        url = f"mailtos://ada:{{}}@localhost:{box.port}?smtp=localhost&{FROM_TO}&mode=starttls"
        refused = send(url.format("p%40ss%2Fw%3Ard"), message())
        assert (refused.ok, refused.final, refused.reason) == (
            False,
            True,
            "the mail server's certificate is not trusted",
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert send(url.format("p%40ss%2Fw%3Ard"), message()).ok
        wrong = send(url.format("other"), message())
    assert box.logins[0] == ("ada", "p@ss/w:rd")
    assert len(box.emails) == 1
    assert (wrong.final, wrong.reason) == (True, "the mail server refused the login with 535")


def test_names_from_outside_cannot_write_headers_or_html() -> None:
    """Line breaks in names stay inside the subject, tags are text."""
    evil = "x\r\nBcc: eve@example.org\r\n\r\n<script>alert(1)</script>"
    content = message(
        "opened",
        title=f"flights: {evil}",
        message=f"<img src=x onerror=alert(1)> {evil}",
        members=(AlertMember("psi", f"features.{evil}", 0.5, 0.1, "critical"),),
        suggested=(f"<b>{evil}</b>",),
        runbook="javascript:alert(1)",
        assignee='"><script>alert(2)</script>',
    )
    with Mailbox() as box:
        assert mail_to(box, content).ok
        (email,) = box.emails
    assert email["Bcc"] is None
    assert box.recipients == [["ada@example.org"]]
    html = part(email, "text/html").get_content()
    assert "<script" not in html
    assert "<img src=x" not in html
    assert "javascript:" not in html
    assert "&lt;script&gt;" in html


def test_unicode_arrives() -> None:
    """In subject, text and HTML."""
    with Mailbox() as box:
        assert mail_to(box, message("opened", title="Flüge: 模型 drifted 🛫", message="Größe · 模型")).ok
        (email,) = box.emails
    assert email["Subject"] == "[critical] Flüge: 模型 drifted 🛫"
    for kind in ("text/plain", "text/html"):
        assert "Größe · 模型" in part(email, kind).get_content()


def test_all_recipients_get_one_email() -> None:
    """Copies and blind copies, too; some refused: told; all refused: a failure that no further attempt can mend."""
    with Mailbox() as box:
        box.refused = {"bob@example.org"}
        found = mail_to(box, message(), ",bob@example.org&cc=eve@example.org&bcc=max@example.org")
        assert found == Sent(ok=True, reason="1 of 4 recipients were refused")
        assert box.recipients == [["ada@example.org", "eve@example.org", "max@example.org"]]
        assert "max@example.org" not in box.emails[0].as_string()
        box.refused |= {"ada@example.org"}
        assert mail_to(box, message()) == Sent(
            ok=False, reason="the mail server refused the recipients with 550", final=True
        )


@pytest.mark.parametrize(
    ("answer", "final"), [("451 try again later", False), ("554 rejected", True), ("421 shutting down", False)]
)
def test_a_mail_server_that_rejects(answer: str, final: bool) -> None:
    """5xx is for good, 4xx is not."""
    with Mailbox() as box:
        box.answer = answer
        found = mail_to(box, message())
    assert (found.ok, found.final) == (False, final)
    assert answer[:3] in found.reason


def test_a_mail_server_that_is_down() -> None:
    """Worth another attempt."""
    found = send(f"mailto://127.0.0.1:{free_port()}?{FROM_TO}", message())
    assert found == Sent(ok=False, reason="no connection")


# webhooks


def test_a_webhook_gets_the_text_and_the_facts() -> None:
    """Fields for programs, a key for receivers that drop repetitions."""
    content = message("opened")
    with HttpReceiver() as receiver:
        assert send(f"json://127.0.0.1:{receiver.port}/hook", content) == Sent(ok=True)
        (request,) = receiver.requests
    assert request.path == "/hook"
    body = request.json
    assert body["title"] == content.title
    assert body["message"] == content.text
    assert (body["model"], body["severity"], body["kind"]) == ("flights", "critical", "opened")
    assert float(body["value"]) == 0.643
    assert body["key"] == request.headers["Idempotency-Key"] == content.key


def test_a_webhook_may_have_the_chart() -> None:
    """Where the channel asks for it."""
    with HttpReceiver() as receiver:
        assert send(f"json://127.0.0.1:{receiver.port}/", message(), attach_chart=True).ok
        (attached,) = receiver.requests[0].json["attachments"]
    assert attached["mimetype"] == "image/png"


@pytest.mark.parametrize(
    ("status", "final"), [(500, False), (503, False), (429, False), (400, True), (401, True), (404, True), (410, True)]
)
def test_a_webhook_that_rejects(status: int, final: bool) -> None:
    """The reason is the status; what the receiver says beside it stays outside."""
    with HttpReceiver(status=status, content=b"secret words") as receiver:
        found = send(f"json://127.0.0.1:{receiver.port}/", message())
    assert (found.ok, found.final) == (False, final)
    assert str(status) in found.reason
    assert "words" not in found.reason


def test_a_webhook_that_is_slow_is_given_up() -> None:
    """By the time of the network, in apprise's own words; the reason is ours."""
    with HttpReceiver(gate=threading.Event()) as receiver:
        found = send(f"json://127.0.0.1:{receiver.port}/", message(), timeout_s=0.3)
    assert found == Sent(ok=False, reason="no answer in time")


def test_what_hangs_for_ever_is_left_behind() -> None:
    """The caller goes on at the limit; nothing more is begun under the name until it has ended."""
    hands: Hands[str] = Hands()
    gate = threading.Event()
    assert hands.run("a", lambda: str(gate.wait(60)), 0.05) is None
    assert hands.busy("a")
    assert not hands.busy("b")
    gate.set()
    wait_for(lambda: not hands.busy("a"))
    assert hands.run("a", lambda: "again", 30) == "again"


# telephones and pagers


def test_an_sms_gateway_gets_the_short_text() -> None:
    """SMSEagle's protocol: one line of at most 300 characters with the command at its end, no picture."""
    content = message("opened", title="flights: " + "long " * 100)
    with HttpReceiver(content=b'{"result":[{"message_id":1,"status":"ok"}]}') as gateway:
        assert send(f"smseagle://token@127.0.0.1:{gateway.port}/+15551234567", content) == Sent(ok=True)
        (request,) = gateway.requests
    assert request.path == "/jsonrpc/sms"
    sent = request.json["params"]
    assert (sent["to"], sent["message_type"]) == ("+15551234567", "sms")
    assert sent["message"] == content.short
    assert len(sent["message"]) <= 300
    assert sent["message"].endswith(f"driftlog alerts show {alert().handle}")


def test_an_sms_gateway_that_refuses() -> None:
    """It answers 200 and says no."""
    with HttpReceiver(content=b'{"result":[{"message_id":1,"status":"error"}]}') as gateway:
        found = send(f"smseagle://token@127.0.0.1:{gateway.port}/+15551234567", message())
    assert not found.ok


def test_pagerduty_opens_and_resolves_one_incident(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same key for both, and for every repetition."""
    with HttpReceiver(status=202) as pager:
        address = f"http://127.0.0.1:{pager.port}/v2/enqueue"
        monkeypatch.setitem(apprise_pagerduty.PAGERDUTY_API_LOOKUP, "us", address)
        url = "pagerduty://" + "a" * 32 + "@" + "b" * 20
        assert send(url, message("opened")).ok
        assert send(url, message("opened", "acknowledged", severity="critical")).ok
        assert send(url, message("opened", "resolved")).ok
        events = [request.json for request in pager.requests]
        pager.status = 400
        assert send(url, message("opened")).final
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert events[0]["payload"]["severity"] == "critical"
    assert events[0]["routing_key"] == "a" * 32


def test_chat_services_are_not_made_to_call_everybody() -> None:
    """Mentions in names are broken up."""
    content = message("opened", title="@everyone <!channel> <@U123>", message="by ada@example.org")
    for words in ("@everyone", "<!channel>", "<@U123>"):
        assert words not in content.text
        assert words not in content.title
        assert words not in content.short
    assert "ada@example.org" in content.text


# secrets


def test_no_address_is_ever_logged(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> None:
    """With every logger at its most talkative: on success, refusal, silence, and an address that cannot be used."""
    with caplog.at_level(logging.DEBUG), HttpReceiver(content=b"hush-body") as receiver:
        for name in ("apprise", "urllib3", "requests"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        for status in (200, 500, 404):
            receiver.status = status
            send(f"json://user:hush-password@127.0.0.1:{receiver.port}/hush-path?+X-Key=hush-header", message())
        send(f"mailto://user:hush-password@127.0.0.1:{free_port()}?{FROM_TO}", message())
        send(f"json://user:hush-password@127.0.0.1:{free_port()}/hush-path", message())
        send("slack://hush-token", message())
        assert len(receiver.requests) == 3
    printed = capfd.readouterr()
    assert "hush" not in caplog.text
    assert "hush" not in printed.out + printed.err


def test_a_test_message_says_that_it_is_one() -> None:
    """In subject, text, HTML and on the telephone."""
    content = trial_message("team", key="k", by="ada@host", now=NOW)
    with Mailbox() as box:
        assert mail_to(box, content).ok
        (email,) = box.emails
    assert email["Subject"].startswith("[TEST]")
    for words in (content.text, content.html, content.short):
        assert "test message" in words


def test_a_message_without_measurements_has_no_chart() -> None:
    """And says everything else."""
    bare = msgspec.structs.replace(message("opened"), picture=None)
    with Mailbox() as box:
        assert mail_to(box, bare).ok
        assert "image/png" not in [one.get_content_type() for one in box.emails[0].walk()]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Certificate and key of localhost."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return files


def test_a_message_past_the_outbox_waits_no_longer_than_its_channel() -> None:
    """Every address gets one attempt; one that trickles for ever is left behind."""
    gate = threading.Event()

    def deliver(url: Secret, _message: Message, _channel: object) -> Sent:
        if url.reveal().endswith("slow"):
            gate.wait(60)
        return Sent(ok=True)

    both = channel("team", "json://slow", "json://fast", timeout_s=0.2)
    found = tell(both, message(), deliver=deliver)
    gate.set()
    assert found == [Sent(ok=False, reason="no answer within 0.2 s"), Sent(ok=True)]
