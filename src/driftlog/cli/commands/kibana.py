"""``driftlog kibana``: dashboards, connectors and alerting rules into Kibana, compared with it, and out again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import as_json
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.kibana import KibanaConnectorSettings, KibanaSettings
from driftlog.contract.strict import Secret

if TYPE_CHECKING:
    from driftlog.present.kibana.client import Kibana
    from driftlog.present.kibana.plan import Change, Wanted

F = TypeVar("F", bound=Callable[..., Any])
_PARTS = ("dashboards", "connectors", "rules")


@click.group(
    cls=Group,
    examples=[
        "driftlog kibana install --url https://kibana:5601 --space ml --api-key-file kibana.key",
        "driftlog kibana install --dry-run",
        "driftlog kibana diff                       # exit code 1 where something differs",
        "driftlog kibana install --only dashboards  # no rules, so no encryption key is needed",
        "driftlog kibana uninstall --yes",
        "driftlog kibana files ./kibana             # the same as files, and watches",
    ],
)
def kibana() -> None:
    """Put dashboards, connectors and alerting rules into Kibana 9.

    Where Kibana is stands in kibana.*; options win over it. The API key comes from a file or from
    DRIFTLOG_KIBANA__API_KEY, never from the command line, where others on the machine would see it.
    """


def _where(command: F) -> F:
    """Options of every command that asks Kibana."""
    for option in reversed(
        (
            click.option("--url", help="Address of Kibana  [default: kibana.url]"),
            click.option("--space", help="Its space  [default: kibana.space]"),
            click.option(
                "--api-key-file",
                type=click.Path(path_type=Path, dir_okay=False),
                help="File with an API key (encoded, or id:key).",
            ),
            click.option(
                "--ca", type=click.Path(path_type=Path, dir_okay=False), help="Certificate authority of Kibana (PEM)."
            ),
            click.option(
                "--only",
                multiple=True,
                metavar="PART",
                help="dashboards, connectors, rules; several times, or separated by commas  [default: all]",
            ),
            click.option(
                "--connector",
                "tell",
                multiple=True,
                metavar="KIND=ID",
                help="Rules also tell this connector of Kibana (Gold): slack=ID, webhook=ID, email=ID:a@example.com.",
            ),
        )
    ):
        command = option(command)
    return command


@kibana.command(
    examples=[
        "driftlog kibana install --dry-run",
        "driftlog kibana install --space ml --create-space",
        "driftlog kibana install --connector email=elastic-cloud-email:oncall@example.com",
        "driftlog kibana install --prune   # also take away what this driftlog no longer makes",
    ]
)
@_where
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--create-space", is_flag=True, help="Make the space where there is none.")
@click.option("--prune", is_flag=True, help="Take away what driftlog made once and would not make now.")
@click.option(
    "--again", is_flag=True, help="Write connectors and rules that do not differ, too: with a new API key, new secrets."
)
@as_json
@click.pass_obj
def install(
    session: Session,
    url: str | None,
    space: str | None,
    api_key_file: Path | None,
    ca: Path | None,
    only: tuple[str, ...],
    tell: tuple[str, ...],
    dry_run: bool,
    create_space: bool,
    prune: bool,
    again: bool,
    as_json: bool,
) -> None:
    """Install, or bring up to date.

    May be run again at any time. Rules keep being on, off, muted or snoozed as people set them, and keep the actions
    that people added. Dashboards are overwritten where they differ: change a copy.
    """
    from driftlog.present.kibana.checks import check_alerting, check_space
    from driftlog.present.kibana.install import install as install_into
    from driftlog.present.kibana.plan import plan

    settings = _settings(session, url, space, api_key_file, ca, tell)
    parts = _parts(only)
    want = _wanted(session, settings)
    with _connected(settings) as there:
        if check_space(there, create=create_space and not dry_run):
            session.messages.print(f"space {settings.space}: made", markup=False)
        if {"rules", "connectors"} & set(parts):
            check_alerting(there)
        changes = plan(there, want, parts) if dry_run else install_into(there, want, parts, prune=prune, again=again)
    _show(session, changes, want, settings, as_json=as_json)
    if as_json:
        return
    left = [change for change in changes if change.action == "remove"]
    if dry_run:
        session.console.print("Nothing was changed.")
    elif left and not prune:
        session.console.print(f"{len(left)} left that are no longer made; --prune takes them away.", markup=False)


@kibana.command(examples=["driftlog kibana diff", "driftlog kibana diff --only rules --json"])
@_where
@as_json
@click.pass_obj
def diff(
    session: Session,
    url: str | None,
    space: str | None,
    api_key_file: Path | None,
    ca: Path | None,
    only: tuple[str, ...],
    tell: tuple[str, ...],
    as_json: bool,
) -> int:
    """Compare what is installed with what would be.

    Exit code 1 where something differs. What Kibana adds to what it is given is no difference.
    """
    from driftlog.present.kibana.checks import check_space
    from driftlog.present.kibana.plan import plan

    settings = _settings(session, url, space, api_key_file, ca, tell)
    want = _wanted(session, settings)
    with _connected(settings) as there:
        check_space(there)
        changes = plan(there, want, _parts(only))
    _show(session, changes, want, settings, as_json=as_json)
    return exits.OK if all(change.action == "unchanged" for change in changes) else exits.FAILED


@kibana.command(examples=["driftlog kibana uninstall", "driftlog kibana uninstall --only rules --yes"])
@_where
@click.option("--dry-run", is_flag=True, help="Show what would go, and remove nothing.")
@click.option("--yes", is_flag=True, help="Do it without asking.")
@as_json
@click.pass_obj
def uninstall(
    session: Session,
    url: str | None,
    space: str | None,
    api_key_file: Path | None,
    ca: Path | None,
    only: tuple[str, ...],
    tell: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take away what driftlog installed under its prefix, and nothing else.

    The space, its other objects, and what rules wrote into the index stay.
    """
    from driftlog.present.kibana.checks import check_space
    from driftlog.present.kibana.install import uninstall as uninstall_from

    settings = _settings(session, url, space, api_key_file, ca, tell)
    parts = _parts(only)
    want = _wanted(session, settings)
    with _connected(settings) as there:
        check_space(there)
        changes = uninstall_from(there, want, parts, dry_run=True)
        _show(session, changes, want, settings, as_json=as_json)
        if dry_run or not changes:
            return
        if not yes and not _confirmed(len(changes), as_json):
            session.messages.print("Nothing was removed; --yes removes it.", markup=False)
            return
        uninstall_from(there, want, parts)
    if not as_json:
        session.console.print(f"{len(changes)} removed.")


@kibana.command(examples=["driftlog kibana files ./kibana", "driftlog kibana files ./kibana --config driftlog.yml"])
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.pass_obj
def files(session: Session, folder: Path) -> None:
    """Write into FOLDER what would be installed.

    saved-objects.ndjson, rules/, connectors/ and watches/ with this installation's prefix and settings: to review, to
    keep in Git, or to send by hand. Connectors with secrets are left out.
    """
    from driftlog.present.kibana.objects import saved_objects, to_ndjson
    from driftlog.present.kibana.rule_files import files as texts_of
    from driftlog.present.kibana.rule_files import write

    settings = session.settings
    texts = dict(texts_of(settings.prefix, settings.kibana, settings.models))
    write(folder, texts)
    (folder / "saved-objects.ndjson").write_text(to_ndjson(saved_objects(settings.prefix)), encoding="utf-8")
    session.console.print(f"{len(texts) + 1} files in {folder}", markup=False)


def _settings(
    session: Session, url: str | None, space: str | None, key_file: Path | None, ca: Path | None, tell: Sequence[str]
) -> KibanaSettings:
    """The settings with the options in their place, checked as those of the file are."""
    import msgspec

    from driftlog.config.kibana_rules import check_kibana

    settings = session.settings.kibana
    given: dict[str, Any] = {"url": url, "space": space, "ca_certs": str(ca) if ca else None}
    given = {name: value for name, value in given.items() if value is not None}
    if key_file is not None:
        given |= {"api_key": _key(key_file), "username": None, "password": None}
    if tell:
        given["connectors"] = (*settings.connectors, *(_connector(text) for text in tell))
    changed = msgspec.structs.replace(settings, **given)
    check_kibana(changed)
    return changed


def _key(file: Path) -> Secret:
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--api-key-file {file} cannot be read: {error}", remedy="check the path") from error
    if not text or len(text.split()) != 1:
        raise UsageError(f"--api-key-file {file} holds no API key", remedy="it holds the key on one line, nothing else")
    return Secret(text)


def _connector(text: str) -> KibanaConnectorSettings:
    """``email=ID:a@example.com,b@example.com``, ``slack=ID``, ``webhook=ID``."""
    kind, _, rest = text.partition("=")
    id, _, recipients = rest.partition(":")
    to = tuple(one.strip() for one in recipients.split(",") if one.strip())
    if not id or (recipients and kind != "email"):
        raise UsageError(f"--connector {text[:80]!r} is no KIND=ID", remedy="write slack=ID or email=ID:a@example.com")
    if kind == "email":
        return KibanaConnectorSettings(kind="email", id=id, to=to)
    if kind == "slack":
        return KibanaConnectorSettings(kind="slack", id=id)
    if kind == "webhook":
        return KibanaConnectorSettings(kind="webhook", id=id)
    raise UsageError(f"--connector {text[:80]!r}: there is no kind {kind!r}", remedy="use email, slack or webhook")


def _parts(only: Sequence[str]) -> tuple[str, ...]:
    names = tuple(name.strip() for text in only for name in text.split(",") if name.strip())
    for name in names:
        if name not in _PARTS:
            raise UsageError(f"--only {name}: there is no such part", remedy=f"use {', '.join(_PARTS)}")
    return names or _PARTS


def _wanted(session: Session, settings: KibanaSettings) -> Wanted:
    from driftlog.present.kibana.plan import wanted

    return wanted(session.settings.prefix, settings, session.settings.models)


def _connected(settings: KibanaSettings) -> Kibana:
    """Kibana, after it said that it is one and new enough."""
    from driftlog.present.kibana.checks import check_version
    from driftlog.present.kibana.client import Kibana

    further = [secret for one in settings.connectors for secret in (one.url, one.password) if secret]
    there = Kibana(settings, hidden=further)
    check_version(there)
    return there


def _show(
    session: Session, changes: Sequence[Change], want: Wanted, settings: KibanaSettings, *, as_json: bool
) -> None:
    from driftlog.present.kibana.table import kibana_table

    if as_json:
        print_json_lines(changes)
    else:
        session.console.print(kibana_table(changes, prefix=want.prefix, space=settings.space))


def _confirmed(number: int, as_json: bool) -> bool:
    return not as_json and sys.stdin.isatty() and click.confirm(f"Remove {number} objects?", default=False)
