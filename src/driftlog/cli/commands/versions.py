"""``driftlog versions``: which versions a model has, which is served, and changing it."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Group
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError

if TYPE_CHECKING:
    from driftlog.act.versions.moves import Move
    from driftlog.act.versions.registry import FetchingRegistry
    from driftlog.contract.audit import AuditEntry
    from driftlog.contract.maintenance import ModelVersion, TrainingRun
    from driftlog.contract.settings import ModelSettings
    from driftlog.store.client import Store

_why = click.option("--why", required=True, help="Kept with the version and in the audit trail.")
_yes = click.option("--yes", "-y", is_flag=True, help="Do not ask.")
_force = click.option("--force", is_flag=True, help="Also while the maintenance loop is changing the version itself.")


@click.group(
    cls=Group,
    examples=[
        "driftlog versions list churn",
        "driftlog versions show churn 20260715-1",
        "driftlog versions register churn v2 --files out/ --metric roc_auc=0.74",
        'driftlog versions promote churn v2 --why "better in every segment"',
        'driftlog versions rollback churn --why "complaints from Munich"',
    ],
)
def versions() -> None:
    """Versions of a model: what they were made of, which one is served.

    They are kept where models.MODEL.maintain.registry says: in files, or in MLflow. Promotion and rollback call the
    deploy hook of models.MODEL.maintain.promotion first, and change the registry when it has succeeded.
    """


@versions.command("list", examples=["driftlog versions list churn", "driftlog versions list churn --json"])
@required_model
@as_json
@click.pass_obj
def list_(session: Session, model: str, as_json: bool) -> None:
    """Versions of MODEL, newest first."""
    from driftlog.present.versions_table import versions_table

    found = _registry(session, _settings(session, model)).list(model)
    if as_json:
        print_json_lines(reversed(found))
    elif not found:
        session.console.print(f"{model} has no versions yet.", markup=False)
    else:
        session.console.print(versions_table(found))


@versions.command(examples=["driftlog versions show churn", "driftlog versions show churn v2 --json"])
@required_model
@click.argument("version", required=False)
@as_json
@click.pass_obj
def show(session: Session, model: str, version: str | None, as_json: bool) -> None:
    """Everything about VERSION of MODEL; without a version, about the one that is served."""
    from driftlog.present.versions_table import version_lines

    registry = _registry(session, _settings(session, model))
    found = _version(registry, model, version) if version else _champion(registry, model)
    if as_json:
        print_json_lines([found])
        return
    for line in version_lines(found):
        session.console.print(line, markup=False, soft_wrap=True)


@versions.command(
    examples=[
        "driftlog versions register churn v2 --files out/",
        "driftlog versions register churn 20260715-1 --files out/ --run churn-production-1   # from a CI job",
        "driftlog versions register churn v1 --files model/ --metric roc_auc=0.74 --from 2026-01-01 --to 2026-04-01",
    ],
)
@required_model
@click.argument("version")
@click.option(
    "--files", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder with the model's files."
)
@click.option("--run", "run_id", default="", help="The training run that it came of; its data and decision are kept.")
@click.option("--metric", "metrics", multiple=True, metavar="NAME=VALUE", help="May be repeated.")
@click.option("--from", "since", type=TimeType(), help="Beginning of its training data.")
@click.option("--to", "until", type=TimeType(), help="End of its training data.")
@click.option("--rows", type=click.IntRange(0), default=0, help="Rows of its training data.")
@click.option("--data-digest", default="", help="Digest of its training data, as export-training prints it.")
@click.option("--reference", "reference_id", default="", help="The reference it belongs to.")
@click.option("--repository", help="Folder of the training code  [default: maintain.registry.repository]")
@click.option("--note", default="", help="For people.")
@as_json
@click.pass_obj
def register(
    session: Session,
    model: str,
    version: str,
    files: Path,
    run_id: str,
    metrics: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    rows: int,
    data_digest: str,
    reference_id: str,
    repository: str | None,
    note: str,
    as_json: bool,
) -> None:
    """Keep VERSION of MODEL with a copy of its files, as a candidate.

    Registering the same files again changes nothing.
    """
    from driftlog.act.git import git_state
    from driftlog.audit.chain import Chain
    from driftlog.contract.maintenance import ModelVersion
    from driftlog.contract.names import check_version_name
    from driftlog.contract.window import Window

    check_version_name(version)
    if (since is None) != (until is None) or (since and until and since >= until):
        raise UsageError("--from and --to are no stretch of time", remedy="give both, the earlier first")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        run = _run(store, settings, run_id) if run_id else None
        wanted = ModelVersion(
            model=settings.name,
            version=version,
            status="candidate",
            created=session.now(),
            created_by=session.actor,
            git=git_state(repository, environ=session.environ) if repository else None,
            data=Window(since, until) if since and until else run.data if run else None,
            data_rows=rows or (run.data_rows if run else 0),
            data_digest=data_digest,
            reference_id=reference_id,
            metrics=dict(_metric(text) for text in metrics),
            note=note,
            run_id=run_id,
            decision_id=run.decision_id if run else "",
        )
        kept = _registry(session, settings).register(wanted, str(files))
        Chain(store).record(_registered_entry(session, settings, kept))
    if as_json:
        print_json_lines([kept])
    else:
        session.console.print(f"Registered {kept.version} of {kept.model}: {kept.uri}", markup=False, soft_wrap=True)


@versions.command(examples=['driftlog versions promote churn v2 --why "better in every segment"'])
@required_model
@click.argument("version")
@_why
@_yes
@_force
@as_json
@click.pass_obj
def promote(session: Session, model: str, version: str, why: str, yes: bool, force: bool, as_json: bool) -> None:
    """Serve VERSION of MODEL from now on.

    The deploy hook is called first; when it fails nothing changes. The version that was served is kept for a rollback.
    """
    from driftlog.act.deploy.deployer import build_deployer
    from driftlog.audit.chain import Chain
    from driftlog.worker.manual_moves import promote_by_hand

    reason = _reason(why)
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        registry = _registry(session, settings)
        found = _version(registry, settings.name, version)
        served = registry.champion(settings.name)
        _confirm(f"Serve {version} of {settings.name} instead of {served.version if served else 'none'}?", yes=yes)
        move = promote_by_hand(
            store,
            settings,
            registry,
            build_deployer(settings.maintain, environ=session.environ),
            Chain(store),
            found,
            at=session.now(),
            actor=session.actor,
            why=reason,
            force=force,
        )
    _print_move(session, move, as_json=as_json)


@versions.command(
    examples=[
        'driftlog versions rollback churn --why "complaints from Munich"',
        'driftlog versions rollback churn v1 --why "v2 and v3 share the fault"',
    ],
)
@required_model
@click.argument("version", required=False)
@_why
@_yes
@_force
@as_json
@click.pass_obj
def rollback(
    session: Session, model: str, version: str | None, why: str, yes: bool, force: bool, as_json: bool
) -> None:
    """Serve the version again that the one served now has replaced, or VERSION."""
    from driftlog.act.deploy.deployer import build_deployer
    from driftlog.audit.chain import Chain
    from driftlog.worker.manual_moves import rollback_by_hand

    reason = _reason(why)
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        registry = _registry(session, settings)
        served = _champion(registry, settings.name)
        target = version or served.previous
        if not target:
            raise UsageError(
                f"version {served.version} of {settings.name} replaced no other",
                remedy=f"name one: `driftlog versions list {settings.name}` shows them",
            )
        _version(registry, settings.name, target)
        _confirm(f"Serve {target} of {settings.name} again, instead of {served.version}?", yes=yes)
        move = rollback_by_hand(
            store,
            settings,
            registry,
            build_deployer(settings.maintain, environ=session.environ),
            Chain(store),
            target,
            at=session.now(),
            actor=session.actor,
            why=reason,
            force=force,
        )
    _print_move(session, move, as_json=as_json)


def _settings(session: Session, model: str) -> ModelSettings:
    """Those of the file; a model that is not in it may still have versions in the embedded registry."""
    from driftlog.contract.settings import ModelSettings

    return next((each for each in session.settings.models if each.name == model), None) or ModelSettings(name=model)


def _registry(session: Session, settings: ModelSettings) -> FetchingRegistry:
    from driftlog.act.versions.registry import build_registry
    from driftlog.worker.maintain_once import maintain_folder

    return build_registry(settings.maintain, maintain_folder(session.environ), environ=session.environ)


def _version(registry: FetchingRegistry, model: str, version: str) -> ModelVersion:
    found = registry.get(model, version)
    if found is None:
        raise UsageError(
            f"{model} has no version {version}", remedy=f"`driftlog versions list {model}` shows those it has"
        )
    return found


def _champion(registry: FetchingRegistry, model: str) -> ModelVersion:
    found = registry.champion(model)
    if found is None:
        raise UsageError(
            f"{model} has no version that is served",
            remedy=f"`driftlog versions list {model}` shows those it has; promote makes one of them the champion",
        )
    return found


def _run(store: Store, settings: ModelSettings, run_id: str) -> TrainingRun:
    from driftlog.store.decisions import find_runs

    for run in find_runs(store, settings.name, environment=settings.environment):
        if run.id == run_id:
            return run
    raise UsageError(
        f"{settings.name} has no training run {run_id[:80]}",
        remedy=f"`driftlog retrain list {settings.name}` shows them; {{run}} in the executor's body is its id",
    )


def _registered_entry(session: Session, settings: ModelSettings, kept: ModelVersion) -> AuditEntry:
    from driftlog.contract.audit import AuditEntry

    return AuditEntry(
        action="version.registered",
        object=kept.version,
        actor=session.actor,
        model=settings.name,
        environment=settings.environment,
        at=session.now(),
        after=kept.digest,
        summary=kept.note or f"{kept.version} registered",
        details={"run": kept.run_id, "commit": kept.git.commit if kept.git else ""},
        key=f"registered|{kept.run_id or f'{settings.name}|{settings.environment}|{kept.version}'}",
    )


def _metric(text: str) -> tuple[str, float]:
    name, equals, value = text.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not equals or not name.strip() or not math.isfinite(number):
        raise UsageError(f"--metric: {text[:80]!r} is no metric", remedy="write roc_auc=0.74")
    return name.strip(), number


def _reason(why: str) -> str:
    if not why.strip():
        raise UsageError("--why is empty", remedy="say in a few words why")
    return why.strip()[:1000]


def _confirm(question: str, *, yes: bool) -> None:
    if not yes:
        click.confirm(question, abort=True, err=True)


def _print_move(session: Session, move: Move, *, as_json: bool) -> None:
    if as_json:
        print_json_lines([{"version": move.version, "replaced": move.replaced, "changed": move.changed}])
    elif not move.changed:
        session.console.print(f"{move.version.version} of {move.version.model} is served already.", markup=False)
    else:
        instead = f" instead of {move.replaced.version}" if move.replaced else ""
        session.console.print(f"{move.version.version} of {move.version.model} is served{instead}.", markup=False)
