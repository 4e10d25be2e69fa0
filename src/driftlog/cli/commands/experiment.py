"""``driftlog experiment``."""

from __future__ import annotations

import difflib
import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from driftlog.cli.base import Group
from driftlog.cli.known import choose_model
from driftlog.cli.output import print_json_lines
from driftlog.cli.params import TimeType, as_json, required_model
from driftlog.cli.session import Session
from driftlog.contract.audit import AuditEntry
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ExperimentSettings, ModelSettings

if TYPE_CHECKING:
    from datetime import datetime

    from driftlog.contract.experiment import Decision, ExperimentPlan, ExperimentResult, StoppedExperiment, Unit
    from driftlog.store.client import Store


_by = click.option(
    "--by",
    type=click.Choice(["subject", "prediction"]),
    default="subject",
    show_default=True,
    help="What was randomised; by prediction the intervals are too narrow.",
)


@click.group(
    cls=Group,
    examples=[
        "driftlog experiment plan churn --baseline 0.2 --effect 0.01 --traffic 4000",
        "driftlog experiment status churn new-model --html new-model.html",
        'driftlog experiment stop churn new-model --decision treatment --reason "1.2 points more correct"',
    ],
)
def experiment() -> None:
    """Plan, watch and stop A/B tests of a model's variants.

    Experiments stand in the settings, below models.MODEL.experiments. What is compared are randomised subjects
    (subject.id) by model.variant; results may be looked at as often as you like.
    """


@experiment.command(
    examples=[
        "driftlog experiment plan churn --baseline 0.2 --effect 0.01",
        "driftlog experiment plan churn --sd 12 --effect 0.5 --traffic 4000 --shares 0.8,0.2",
        "driftlog experiment plan churn --name new-model      # effect, shares and target of the settings",
        "driftlog experiment plan churn --effect 0.01 --json  # baseline and traffic of stored predictions",
    ],
)
@required_model
@click.option("--name", help="Take what is not given from this experiment of the settings.")
@click.option("--effect", type=float, help="Absolute difference worth finding: 0.01 is one percentage point.")
@click.option("--baseline", type=float, help="Share of successes in the control (binary).")
@click.option("--sd", type=float, help="Standard deviation over subjects (numeric).")
@click.option("--traffic", type=float, help="New subjects a day, over all variants.")
@click.option("--shares", help="Shares of the variants, control first: 0.5,0.25,0.25  [default: equal, two variants]")
@click.option("--target", help="Read the baseline of this target: accuracy, outcome.*, features.*, ...")
@click.option("--alpha", type=float, help="False-alarm rate  [default: 0.05]")
@click.option("--power", type=float, help="Probability of finding the effect  [default: 0.8]")
@as_json
@click.pass_obj
def plan(
    session: Session,
    model: str,
    name: str | None,
    effect: float | None,
    baseline: float | None,
    sd: float | None,
    traffic: float | None,
    shares: str | None,
    target: str | None,
    alpha: float | None,
    power: float | None,
    as_json: bool,
) -> None:
    """How many subjects, and how many days, an experiment of MODEL needs.

    With --baseline or --sd it needs no Elasticsearch. Without, baseline, spread and traffic are those of the subjects
    of the newest 28 days of MODEL's predictions.
    """
    from driftlog.evaluate.experiments.planner import plan_experiment
    from driftlog.present.experiment_table import plan_table

    given = _configured(session, model, name) if name is not None else None
    chosen = effect if effect is not None else given.minimum_effect * _side(given) if given else None
    if chosen is None:
        raise UsageError("--effect is missing", remedy="give the absolute difference worth finding, such as 0.01")
    wanted = target or (given.target if given else "accuracy")
    source = ""
    if baseline is None and sd is None:
        numeric = given.kind == "numeric" if given else False
        baseline, sd, traffic, source = _from_store(session, model, wanted, numeric=numeric, traffic=traffic)
    made: ExperimentPlan = plan_experiment(
        effect=chosen,
        baseline=baseline,
        sd=sd,
        shares=_shares(shares, given),
        alpha=alpha if alpha is not None else given.alpha if given else 0.05,
        power=power if power is not None else given.power if given else 0.8,
        traffic=traffic,
        source=source,
    )
    if as_json:
        print_json_lines([made])
    else:
        session.console.print(plan_table(made))


@experiment.command(
    examples=[
        "driftlog experiment status churn                   # all experiments of the settings",
        "driftlog experiment status churn new-model",
        "driftlog experiment status churn new-model --html new-model.html",
        "driftlog experiment status churn new-model --as-of 2026-03-14 --json",
    ],
)
@required_model
@click.argument("name", required=False)
@click.option("--as-of", type=TimeType(), help="Count predictions before this time  [default: now]")
@_by
@click.option("--html", type=click.Path(path_type=Path, dir_okay=False), help="Write a page with charts to this file.")
@as_json
@click.pass_obj
def status(
    session: Session,
    model: str,
    name: str | None,
    as_of: datetime | None,
    by: Unit,
    html: Path | None,
    as_json: bool,
) -> None:
    """What the experiments of MODEL say now.

    A stopped experiment shows the decision and the result of that time.
    """
    from driftlog.present.experiment_table import experiment_status, experiments_list

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        if name is not None:
            found = [_named_result(session, store, settings, name, as_of, by)]
        else:
            found = _all_results(session, store, settings, as_of, by)
    if html is not None:
        _write_page(session, html, found)
    if as_json:
        print_json_lines({"result": result, "stopped": stopped} for result, stopped in found)
    elif len(found) == 1:
        session.console.print(experiment_status(*found[0]))
    elif found:
        session.console.print(experiments_list(found))


@experiment.command(
    examples=[
        'driftlog experiment stop churn new-model --decision treatment --reason "1.2 points more correct"',
        'driftlog experiment stop churn new-model --decision none --reason "wrong target"',
    ],
)
@required_model
@click.argument("name")
@click.option(
    "--decision", type=click.Choice(["treatment", "control", "none"]), required=True, help="Which variant goes on."
)
@click.option("--reason", required=True, help="Why, for those who ask later.")
@_by
@click.option("--user", help="Who decides  [default: the user of this computer]")
@click.option("--as-of", type=TimeType(), help="Count predictions before this time  [default: now]")
@as_json
@click.pass_obj
def stop(
    session: Session,
    model: str,
    name: str,
    decision: Decision,
    reason: str,
    by: Unit,
    user: str | None,
    as_of: datetime | None,
    as_json: bool,
) -> None:
    """End experiment NAME of MODEL and keep the decision with the result of now.

    A stopped experiment is frozen: it is not measured again, and its status shows what was decided.
    """
    from driftlog.contract.experiment import StoppedExperiment
    from driftlog.present.experiment_table import stopped_line
    from driftlog.store.experiments import stop_experiment, stopped_experiment

    if not reason.strip():
        raise UsageError("--reason is empty", remedy="say in a few words why")
    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        chosen = _experiment(settings, name)
        result, before = _result(session, store, settings, chosen, as_of, by)
        record = StoppedExperiment(
            name=chosen.name,
            model=settings.name,
            environment=settings.environment,
            decision=decision,
            reason=reason.strip(),
            by=user or _user(),
            at=session.now(),
            result=result,
        )
        if before is None and not stop_experiment(store, record):
            before = stopped_experiment(store, settings.name, settings.environment, chosen.name)
        if before is None:
            session.recorder(store).record(_stopped_entry(record))
    if before is not None:
        raise UsageError(
            f"{chosen.name} is stopped already. {stopped_line(before)}",
            remedy="a decision is kept once; give a new experiment a new name",
        )
    if as_json:
        print_json_lines([record])
    else:
        session.console.print(f"{chosen.name}: {stopped_line(record)}", markup=False)


def _stopped_entry(record: StoppedExperiment) -> AuditEntry:
    return AuditEntry(
        action="experiment.stopped",
        object=record.name,
        actor=record.by,
        model=record.model,
        environment=record.environment,
        at=record.at,
        summary=f"{record.name} stopped, decision {record.decision}: {record.reason}",
        details={"decision": record.decision, "reason": record.reason},
        key=f"experiment|{record.model}|{record.environment}|{record.name}",
    )


def _result(
    session: Session,
    store: Store,
    settings: ModelSettings,
    chosen: ExperimentSettings,
    as_of: datetime | None,
    by: Unit,
) -> tuple[ExperimentResult, StoppedExperiment | None]:
    from driftlog.evaluate.experiments.analysis import analyse
    from driftlog.profile.subjects import collect
    from driftlog.store.experiments import stopped_experiment

    stopped = stopped_experiment(store, settings.name, settings.environment, chosen.name)
    if stopped is not None:
        return stopped.result, stopped
    data = collect(store, settings, chosen, until=as_of or session.now(), unit=by)
    return analyse(data, chosen, model=settings.name, environment=settings.environment), None


def _named_result(
    session: Session, store: Store, settings: ModelSettings, name: str, as_of: datetime | None, by: Unit
) -> tuple[ExperimentResult, StoppedExperiment | None]:
    """A stopped experiment needs no settings any more."""
    from driftlog.store.experiments import stopped_experiment

    stopped = stopped_experiment(store, settings.name, settings.environment, name)
    if stopped is not None:
        return stopped.result, stopped
    return _result(session, store, settings, _experiment(settings, name), as_of, by)


def _all_results(
    session: Session, store: Store, settings: ModelSettings, as_of: datetime | None, by: Unit
) -> list[tuple[ExperimentResult, StoppedExperiment | None]]:
    """Those that can be read; why the others cannot is told."""
    found = []
    for each in _experiments(settings):
        try:
            found.append(_result(session, store, settings, each, as_of, by))
        except UsageError as error:
            session.messages.print(f"{each.name}: {error.message}\n  -> {error.remedy}", markup=False)
    return found


def _write_page(session: Session, path: Path, found: list[tuple[ExperimentResult, StoppedExperiment | None]]) -> None:
    import driftlog
    from driftlog.present.experiment_page import render_experiment

    if len(found) != 1:
        names = ", ".join(result.name for result, _ in found)
        raise UsageError("--html shows one experiment", remedy=f"name one of {names}")
    page = render_experiment(*found[0], generated=session.now(), version=driftlog.__version__)
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="choose another path") from error
    session.messages.print(f"Wrote {path}", markup=False)


def _experiments(settings: ModelSettings) -> tuple[ExperimentSettings, ...]:
    if not settings.experiments:
        raise UsageError(
            f"{settings.name} has no experiments",
            remedy=f"add one below models.{settings.name}.experiments in driftlog.yml: name, control, treatments",
        )
    return settings.experiments


def _experiment(settings: ModelSettings, name: str) -> ExperimentSettings:
    known = {each.name: each for each in _experiments(settings)}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise UsageError(f"no experiment {name[:80]} in models.{settings.name}.experiments", remedy=remedy)
    return known[name]


def _configured(session: Session, model: str, name: str) -> ExperimentSettings:
    settings = next((each for each in session.settings.models if each.name == model), None)
    if settings is None:
        raise UsageError(f"{model[:80]} is not in the settings", remedy="add it below models, or leave --name away")
    return _experiment(settings, name)


def _side(given: ExperimentSettings) -> int:
    return 1 if given.direction == "above" else -1


def _shares(text: str | None, given: ExperimentSettings | None) -> tuple[float, ...]:
    from driftlog.contract.experiment import intended_shares

    if text is None:
        return intended_shares(given) if given else (0.5, 0.5)
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--shares: {text[:80]!r} are no numbers", remedy="write 0.5,0.5, control first") from None


def _from_store(
    session: Session, model: str, target: str, *, numeric: bool, traffic: float | None
) -> tuple[float | None, float | None, float | None, str]:
    """(baseline, sd, traffic, where from) of the newest subjects."""
    from driftlog.profile.subjects import recent_units

    with session.store() as store:
        settings = choose_model(store, session.settings, model)
        found = recent_units(store, settings, target)
    if found is None or found.mean is None or found.sd is None:
        raise UsageError(
            f"{settings.name} has no subjects with a value of {target}",
            remedy="give --baseline (binary) or --sd (numeric), or log subject=...",
        )
    binary = not numeric and found.proportions
    source = (
        f"Baseline, spread and traffic: {found.units:,} subjects with a value of {target}, first seen in the "
        f"{found.days:.0f} days before {found.until:%Y-%m-%d %H:%M} UTC."
    )
    return found.mean, None if binary else found.sd, traffic or found.per_day, source


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no such user, or no variable that names one
        return "unknown"
