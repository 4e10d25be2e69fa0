"""``driftlog audit``: what happened, and whether anybody changed it since."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from driftlog.cli import exits
from driftlog.cli.base import Group
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, environment, limit, output_file
from driftlog.cli.progress import counting
from driftlog.cli.session import Session
from driftlog.contract.audit import AUDIT_ACTIONS
from driftlog.contract.errors import ConfigError, DriftlogError, UsageError

if TYPE_CHECKING:
    from driftlog.audit.heads import SignedHead
    from driftlog.audit.keys import VerifyingKey
    from driftlog.audit.verify_chain import Progress
    from driftlog.contract.settings import ModelSettings

_from: Final = click.option("--from", "since", type=TimeType(), help="From this time on (2026-03-01T12:00Z).")
_to: Final = click.option("--to", "until", type=TimeType(), help="Before this time.")


@click.group(
    cls=Group,
    examples=[
        "driftlog audit list --model churn --action reference.set",
        "driftlog audit verify --deep",
        "driftlog audit head                       # keep it where nobody can write to Elasticsearch",
        "driftlog audit show 0190-77 --model churn",
        "driftlog audit export --from 2026-01-01 --to 2026-04-01 -o quarter.zip",
    ],
)
def audit() -> None:
    """Show, verify and export the audit trail.

    Each record carries the hash of the one before; closed buckets of predictions are sealed by a Merkle root among
    them. So a record or a prediction that was changed, removed, inserted or reordered is found, and named.
    """


@audit.command(
    name="list",
    examples=[
        "driftlog audit list",
        "driftlog audit list --actor ann@laptop --from 2026-03-01",
        "driftlog audit list --action alert.acknowledged --action alert.resolved --json",
    ],
)
@click.option("--action", "actions", multiple=True, type=click.Choice(AUDIT_ACTIONS), help="Only these.")
@click.option("--actor", help="Only what this person or program did.")
@click.option("--model", "-m", help="Only of this model.")
@environment
@_from
@_to
@limit(50)
@as_json
@click.pass_obj
def list_(
    session: Session,
    actions: tuple[str, ...],
    actor: str | None,
    model: str | None,
    environment: str | None,
    since: datetime | None,
    until: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Show the newest records, in the order of the chain."""
    from driftlog.audit.find import find_records
    from driftlog.cli.audit_view import records_table

    with session.store() as store:
        found = find_records(
            store,
            actions=actions,
            actor=actor or "",
            model=model or "",
            environment=environment or "",
            since=since,
            until=until,
            limit=limit,
        )
    if as_json:
        print_json_lines(found)
    else:
        session.console.print(records_table(found))


@audit.command(
    examples=[
        "driftlog audit verify",
        "driftlog audit verify --deep --from 2026-03-01   # every sealed prediction since March, too",
        "driftlog audit verify --anchor heads.txt         # heads from emails, reports, logs",
        "driftlog audit verify --json",
    ],
)
@click.option("--deep", is_flag=True, help="Every sealed prediction, too.")
@_from
@_to
@click.option("--anchor", "anchors", multiple=True, metavar="FILE|TEXT", help="Heads kept outside. May be repeated.")
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Keys whose signatures count  [default: audit.public_key]",
)
@as_json
@click.pass_obj
def verify(
    session: Session,
    deep: bool,
    since: datetime | None,
    until: datetime | None,
    anchors: tuple[str, ...],
    public_key: Path | None,
    as_json: bool,
) -> int:
    """Find every record that is not as it was written; exit code 1 when there is one.

    With --deep every sealed prediction as well, from --from to --to; the chain is verified whole. That the end of the
    chain was cut off is found only with a head that was kept elsewhere (--anchor). Nothing is written.
    """
    from driftlog.audit.verify import verify as verify_audit
    from driftlog.cli.audit_view import findings_view
    from driftlog.contract.window import Window

    heads = [head for text in anchors for head in _heads(text)]
    within = None
    if since is not None or until is not None:
        if not deep:
            raise UsageError("--from and --to need --deep", remedy="the chain is verified whole; leave them out")
        now = session.now()
        start, end = since or datetime.fromisoformat("1970-01-01T00:00:00+00:00"), until or now + timedelta(days=1)
        if end <= start:
            raise UsageError("--to is not after --from", remedy="write --from 2026-03-01 --to 2026-04-01")
        within = Window(start, end)
    keys = _keys(session, public_key)
    with session.store() as store, _progress(session) as progress:
        found = verify_audit(
            store, now=session.now(), deep=deep, within=within, keys=keys, anchors=heads, progress=progress
        )
    if as_json:
        print_json_lines([{**found.summary(), "notes": found.notes, "found": found.problems}])
    else:
        session.console.print(findings_view(found, deep=deep))
    return exits.OK if found.ok else exits.FAILED


def _heads(given: str) -> list[SignedHead]:
    """Heads in a file, on standard input (-), or in the argument itself."""
    from driftlog.audit.heads import parse_heads

    text = given
    if given == "-":
        text = sys.stdin.read()
    elif "driftlog-head" not in given:
        try:
            text = Path(given).read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise UsageError(f"--anchor: {given[:80]!r} cannot be read: {error.strerror}") from error
    found = parse_heads(text)
    if not found:
        raise UsageError(
            f"--anchor: there is no head in {given[:80]!r}",
            remedy="`driftlog audit head` prints one: driftlog-head ...",
        )
    return found


def _keys(session: Session, file: Path | None) -> list[VerifyingKey]:
    from driftlog.audit.keys import load_verifying_keys, trusted_keys

    if file is not None:
        return load_verifying_keys(file.read_text(encoding="ascii", errors="replace"), where=str(file))
    return trusted_keys(session.settings.audit)


class _progress(ExitStack):  # noqa: N801 - used like a function
    """Progress bars, one a stage."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._console = session.messages
        self._stage = ""
        self._bar = ExitStack()

    def __enter__(self) -> Progress:  # type: ignore[override]
        def told(stage: str, done: int, total: int) -> None:
            if stage != self._stage:
                self._bar.close()
                self._stage = stage
                self._update = self._bar.enter_context(counting(self._console, stage, total))
            self._update(done)

        self.push(self._bar)
        return told


@audit.command(
    examples=[
        "driftlog audit head",
        "driftlog audit head --record             # and keep it in the chain, too",
        "driftlog audit head >> /mnt/worm/heads.txt",
    ],
)
@click.option("--record", is_flag=True, help="Record it in the chain, where it binds every record before it.")
@as_json
@click.pass_obj
def head(session: Session, record: bool, as_json: bool) -> None:
    """Print the head of the chain, signed where audit.signing_key is set.

    One line. Keep it where those who can write to Elasticsearch cannot: `driftlog audit verify --anchor` then finds a
    tail that was cut off, and a chain that was hashed anew.
    """
    from driftlog.audit.heads import head_entry, signed_head

    with session.store() as store:
        found = signed_head(store, session.settings.audit, now=session.now())
        if found is None:
            raise UsageError("there is no audit record yet", remedy='`driftlog note "..."` writes one')
        if record:
            session.recorder(store).record(head_entry(found, actor=session.actor))
    if as_json:
        print_json_lines([found])
    else:
        click.echo(found.text())


@audit.command(
    examples=[
        "driftlog audit key -o audit-key.pem",
        "DRIFTLOG_AUDIT_SIGNING_PASSWORD=... driftlog audit key -o audit-key.pem",
    ],
)
@output_file
@click.pass_obj
def key(session: Session, output: Path | None) -> None:
    """Make the key that signs heads: an Ed25519 pair, FILE and FILE with the ending .pub.pem.

    The private file can be read by its owner alone; audit.signing_password encrypts it. Without -o the files are those
    of the settings.
    """
    from driftlog.audit.keys import make_key

    audit = session.settings.audit
    path = output or (Path(audit.signing_key) if audit.signing_key else None)
    if path is None:
        raise ConfigError("is not set", path="audit.signing_key", remedy="set it, or name a file with -o")
    public = Path(audit.public_key) if audit.public_key and output is None else path.with_suffix(".pub.pem")
    made = make_key(path, public, audit.signing_password)
    session.console.print(f"key {made.id}: {path} (private), {public} (public)")
    if str(path) != audit.signing_key:
        session.messages.print(f"Put it into the settings:\naudit:\n  signing_key: {path}\n  public_key: {public}")


@audit.command(
    examples=["driftlog audit show 0190-77 --model churn", "driftlog audit show 0190-77 -m churn --json"],
)
@click.argument("prediction_id")
@click.option("--model", "-m", required=True, help="Whose prediction it is.")
@click.option("--unrecorded", is_flag=True, help="Show it also when the access cannot be recorded.")
@as_json
@click.pass_obj
def show(session: Session, prediction_id: str, model: str, unrecorded: bool, as_json: bool) -> None:
    """Tell the whole story of one prediction.

    Inputs, model version, training code, reference, verdicts and alerts at the time, truth, feedback, decisions, and
    the proof that it is as it was sealed. That you looked is recorded.
    """
    from driftlog.audit.reads import record_read
    from driftlog.audit.story import tell
    from driftlog.cli.audit_view import story_view
    from driftlog.cli.known import choose_model
    from driftlog.profile.outcomes import outcome_id

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        name = settings.name
        story = tell(store, name, prediction_id, outcome_id=outcome_id(name, prediction_id))
        record_read(
            session.recorder(store),
            session.settings.audit,
            actor=session.actor,
            model=name,
            what="driftlog audit show",
            n=int(story is not None),
            filters={"id": prediction_id},
            unrecorded=unrecorded,
        )
    if story is None:
        raise UsageError(
            f"there is no prediction {prediction_id[:80]!r} of {name}",
            remedy="it may have been erased or dropped by retention: `driftlog audit list --action period.dropped`",
        )
    if not story.git and story.version:
        story = msgspec.structs.replace(story, git=_training_code(session, settings, story.version))
    if as_json:
        print_json_lines([story])
    else:
        session.console.print(story_view(story))


def _training_code(session: Session, settings: ModelSettings, version: str) -> dict[str, Any]:
    """Commit, tag and state of the code that trained `version`, where the registry has it."""
    from driftlog.act.versions.registry import build_registry
    from driftlog.worker.maintain_once import maintain_folder

    try:
        registry = build_registry(settings.maintain, maintain_folder(session.environ), environ=session.environ)
        found = registry.get(settings.name, version)
    except (DriftlogError, ImportError) as error:
        session.messages.print(f"the registry of versions was not asked: {error}", markup=False)
        return {}
    return msgspec.to_builtins(found.git) if found is not None and found.git is not None else {}


@audit.command(
    examples=[
        "driftlog audit export --from 2026-01-01 --to 2026-04-01 -o quarter.zip",
        "driftlog audit export --predictions -o everything.zip",
        "driftlog audit export --verifier verify.py && python3 verify.py quarter.zip",
    ],
)
@_from
@_to
@output_file
@click.option("--predictions", is_flag=True, help="With the sealed predictions themselves.")
@click.option(
    "--verifier", type=click.Path(path_type=Path, dir_okay=False), help="Only write the offline verifier to this file."
)
@click.option("--unrecorded", is_flag=True, help="Also when the access to predictions cannot be recorded.")
@click.pass_obj
def export(
    session: Session,
    since: datetime | None,
    until: datetime | None,
    output: Path | None,
    predictions: bool,
    verifier: Path | None,
    unrecorded: bool,
) -> None:
    """Write records, seals and, on request, predictions to a zip file that verifies itself.

    verify.py in it needs nothing but Python 3.9: no driftlog, no Elasticsearch. The zip is signed where
    audit.signing_key is set.
    """
    from driftlog.audit.chain import SOFTWARE
    from driftlog.audit.export import export as export_audit
    from driftlog.audit.export import verifier as verifier_file
    from driftlog.audit.keys import load_signing_key
    from driftlog.audit.reads import record_read

    if verifier is not None:
        verifier.write_bytes(verifier_file())
        session.console.print(f"written: {verifier}")
        return
    if output is None:
        raise UsageError("-o is missing", remedy="name the file to write: -o bundle.zip")
    settings = session.settings.audit
    signing = load_signing_key(settings) if settings.signing_key else None
    with session.store() as store, _progress(session) as progress:
        if predictions:
            record_read(
                session.recorder(store),
                settings,
                actor=session.actor,
                model="",
                what="driftlog audit export",
                n=0,
                filters={"from": since, "to": until, "file": output.name},
                unrecorded=unrecorded,
            )
        manifest = export_audit(
            store,
            output,
            since=since,
            until=until,
            predictions=predictions,
            key=signing,
            software=SOFTWARE,
            now=session.now(),
            progress=progress,
        )
    signed = f"signed by key {signing.id}" if signing else "not signed: audit.signing_key is not set"
    session.console.print(f"{output}: records {manifest['first']} to {manifest['last']}, {signed}")
