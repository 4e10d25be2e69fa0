"""Emails: the address as apprise reads it, the message as we write it.

apprise's own email has a Message-ID of chance and a text part made from the HTML. A message of ours keeps its
Message-ID over every attempt, so that what was sent twice is shown once, and names its alert in References, so that
messages about one alert stand together.
"""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from typing import Any, Final

from apprise.plugins.email.base import NotifyEmail

from driftlog.act.notify.answers import by_smtp_code
from driftlog.contract.notification import Message, Sent

PICTURE: Final = "chart.png"


def send(service: NotifyEmail, message: Message, *, short: bool = False) -> Sent:
    """One email to all recipients of `service`. With some of them refused it still counts as sent, and says so."""
    email = compose(service, message, short=short)
    sender = str(service.from_addr[1])
    recipients = [address for _, address in service.targets] + sorted(service.cc) + sorted(service.bcc)
    if not recipients:
        return Sent(ok=False, reason="its address names no recipient", final=True)
    try:
        with _connect(service) as server:
            if service.user and service.password:
                server.login(service.user, service.password)
            refused = server.send_message(email, sender, recipients)
    except (OSError, smtplib.SMTPException) as error:
        return _failure(error)
    reason = f"{len(refused)} of {len(recipients)} recipients were refused" if refused else ""
    return Sent(ok=True, reason=reason)


def compose(service: NotifyEmail, message: Message, *, short: bool = False) -> EmailMessage:
    """The email: text and HTML as alternatives, the chart inside the HTML's part.

    ::

        multipart/alternative
          text/plain
          multipart/related
            text/html         <img src="cid:chart.png">
            image/png         Content-ID: <chart.png>
    """
    name, sender = str(service.from_addr[0] or ""), str(service.from_addr[1])
    domain = _domain(sender)
    email = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    email["Subject"] = message.title
    email["From"] = formataddr((name, sender))
    email["To"] = ", ".join(formataddr((str(person or ""), address)) for person, address in service.targets)
    if service.cc:
        email["Cc"] = ", ".join(sorted(service.cc))
    if service.reply_to:
        email["Reply-To"] = ", ".join(sorted(service.reply_to))
    email["Date"] = format_datetime(datetime.now().astimezone())
    email["Message-ID"] = f"<{message_id(message.key)}@{domain}>"
    if message.thread:
        email["References"] = email["In-Reply-To"] = f"<{message_id(message.thread)}@{domain}>"
    email["Auto-Submitted"] = "auto-generated"
    email["X-Driftlog-Key"] = message_id(message.key)
    for header, value in service.headers.items():
        if header not in email:
            email[header] = value
    email.set_content(message.short if short else message.text, cte="quoted-printable")
    if not short:
        email.add_alternative(message.html, subtype="html", cte="quoted-printable")
        if message.picture is not None:
            part: Any = email.get_payload()[1]  # type: ignore[index]
            part.add_related(
                message.picture, "image", "png", cid=f"<{PICTURE}>", filename=PICTURE, disposition="inline"
            )
    return email


def message_id(key: str) -> str:
    """Left side of a Message-ID: `key` as 32 hexadecimal digits.

    >>> message_id("churn|1") == message_id("churn|1"), len(message_id("churn|1"))
    (True, 32)
    """
    return hashlib.blake2b(key.encode(), digest_size=16).hexdigest()


def _domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    return domain if domain and domain.isascii() else "driftlog.invalid"


def _connect(service: NotifyEmail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if not service.verify_certificate:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    timeout = service.socket_connect_timeout
    port = int(service.port or 0)
    if service.secure_mode == "ssl":
        return smtplib.SMTP_SSL(service.smtp_host, port, timeout=timeout, context=context)
    server = smtplib.SMTP(service.smtp_host, port, timeout=timeout)
    try:
        if service.secure_mode == "starttls":
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _failure(error: Exception) -> Sent:
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return by_smtp_code(error.smtp_code, "the login")
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return by_smtp_code(min(codes), "the recipients")
    if isinstance(error, smtplib.SMTPSenderRefused):
        return by_smtp_code(error.smtp_code, "the sender")
    if isinstance(error, smtplib.SMTPResponseException):
        return by_smtp_code(error.smtp_code, "the message")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Sent(ok=False, reason="the mail server lacks what the address asks for (STARTTLS or login)", final=True)
    if isinstance(error, ssl.SSLCertVerificationError):
        return Sent(ok=False, reason="the mail server's certificate is not trusted", final=True)
    if isinstance(error, TimeoutError):
        return Sent(ok=False, reason="no answer in time")
    return Sent(ok=False, reason="no connection")
