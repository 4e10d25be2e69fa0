"""``driftlog survey``: links to the form, its key, and how it looks."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import output_file, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import ConfigError, UsageError
from driftlog.contract.settings import ModelSettings, Settings


@click.group(
    cls=Group,
    examples=[
        "driftlog survey key",
        "driftlog survey link churn 0198c0de",
        "driftlog survey preview churn -o form.html",
    ],
)
def survey() -> None:
    """Forms that ask people about a prediction."""


@survey.command("key", examples=["driftlog survey key", "export DRIFTLOG_FEEDBACK__KEY=$(driftlog survey key)"])
def key() -> int:
    """Print a new random key for feedback.key.

    Give it to the intake and to the apps that make links. To change it, keep the old one in feedback.old_keys until the
    links made with it have expired.
    """
    click.echo(secrets.token_urlsafe(32))
    return exits.OK


@survey.command(
    "link",
    examples=["driftlog survey link churn 0198c0de", "driftlog survey link churn 0198c0de --expires 7d --json"],
)
@required_model
@click.argument("prediction_id")
@click.option("--expires", help="How long it is good for: 12h, 7d  [default: the model's survey.expires]")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_obj
def link(session: Session, model: str, prediction_id: str, expires: str | None, as_json: bool) -> int:
    """Print the link to the form about one prediction.

    Whoever has it can answer, until it expires; a second answer takes the place of the first. Apps make links by
    driftlog.shipping.survey.survey_link, without asking anybody.
    """
    from driftlog.shipping.survey import survey_link

    settings = _with_questions(session.settings, model)
    length = settings.survey.expires if expires is None else _duration(expires)
    now = session.now()
    feedback = session.settings.feedback
    if feedback.key is None:
        raise ConfigError(
            "is missing", path="feedback.key", remedy="`driftlog survey key` makes one; set DRIFTLOG_FEEDBACK__KEY"
        )
    url = feedback.url or _own_address(session.settings)
    try:
        address = survey_link(
            prediction_id, model=model, key=feedback.key, url=url, expires=length, environ={}, now=lambda: now
        )
    except ValueError as error:
        raise UsageError(str(error), remedy="give the event.id of a prediction") from error
    if as_json:
        print_json_lines([{"url": address, "model": model, "prediction_id": prediction_id, "expires": now + length}])
        return exits.OK
    click.echo(address)
    if not feedback.url:
        session.messages.print("feedback.url is not set: this link works on this machine only.", markup=False)
    return exits.OK


@survey.command("preview", examples=["driftlog survey preview churn -o form.html"])
@required_model
@output_file
@click.pass_obj
def preview(session: Session, model: str, output: Path | None) -> int:
    """Write the form of a model as an HTML file, to look at it. Sending does nothing there."""
    from driftlog.intake.survey_page import form_page

    path = output or Path(f"{model}-survey.html")
    page = form_page(_with_questions(session.settings, model))
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="name another file") from error
    session.console.print(f"Wrote {path}", markup=False)
    return exits.OK


def _with_questions(settings: Settings, name: str) -> ModelSettings:
    found = next((model for model in settings.models if model.name == name), None)
    if found is None:
        known = ", ".join(model.name for model in settings.models[:10]) or "none"
        raise UsageError(f"driftlog.yml names no model {name[:80]}", remedy=f"add it below models:; now there: {known}")
    if not found.survey.questions:
        raise UsageError(
            f"{name} has no survey",
            remedy=f"write models.{name}.survey.questions; docs/feedback.md has an example",
        )
    return found


def _duration(text: str) -> timedelta:
    from driftlog.config.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--expires: {error}", remedy="write 12h, 7d or 4w") from error


def _own_address(settings: Settings) -> str:
    intake = settings.intake
    scheme = "https" if intake.tls_cert else "http"
    host = "127.0.0.1" if intake.host in ("0.0.0.0", "::", "") else intake.host  # noqa: S104 - it is compared
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{intake.http_port}"
