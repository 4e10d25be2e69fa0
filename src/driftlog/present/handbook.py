"""The handbook of one model: how it is watched and maintained, written from the configuration.

What it says is what is set, so it is never out of date: write it again after a change, and keep both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from driftlog.contract.alerting import ObjectiveSettings
from driftlog.contract.notifying import ChannelSettings, RouteSettings
from driftlog.contract.settings import ModelSettings, Settings, ThresholdSettings
from driftlog.present.pages import template
from driftlog.present.text import clean, number, title_of


@dataclass(frozen=True)
class Rows:
    """A table."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Chapter:
    """One part: paragraphs, points, a table, and commands with what they do."""

    title: str
    text: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    table: Rows | None = None
    commands: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class RuleRow:
    """One rule in force: the threshold, and where it is from."""

    source: str
    purpose: str
    threshold: ThresholdSettings


@dataclass(frozen=True)
class Handbook:
    """All of it."""

    model: str
    environment: str
    owner: str
    generated: datetime
    version: str
    chapters: tuple[Chapter, ...]


def handbook(
    settings: Settings, model: ModelSettings, rules: Sequence[RuleRow], *, generated: datetime, version: str
) -> Handbook:
    """The handbook of `model`. `rules` are those in force, the settings' own first."""
    chapters = (
        _purpose(model),
        _watched(model),
        _thresholds(rules),
        _told(settings, model),
        _on_an_alert(model),
        _by_kind(model),
        _retraining(model),
        _versions(model),
        _reviews(model),
        _retention(settings, model),
        _erasure(),
        _audit(settings),
        _contacts(settings, model),
    )
    return Handbook(model.name, model.environment, model.owner, generated, version, chapters)


def markdown(book: Handbook) -> str:
    """As Markdown."""
    lines = [f"# Handbook: {book.model}", "", _about(book), ""]
    for number_, chapter in enumerate(book.chapters, 1):
        lines += [f"## {number_}. {chapter.title}", ""]
        for text in chapter.text:
            lines += [_escaped(text), ""]
        if chapter.points:
            lines += [*(f"- {_escaped(point)}" for point in chapter.points), ""]
        if chapter.table is not None:
            lines += [_row(chapter.table.head), _row(["---"] * len(chapter.table.head))]
            lines += [*(_row(row) for row in chapter.table.rows), ""]
        if chapter.commands:
            lines += [*(f"- {_escaped(what)}: `{command}`" for what, command in chapter.commands), ""]
    return "\n".join(lines).rstrip() + "\n"


def html(book: Handbook) -> str:
    """As a page without script or request to anywhere."""
    return template("handbook.html.j2").render(book=book, about=_about(book))


def _about(book: Handbook) -> str:
    owner = f", owner {book.owner}" if book.owner else ""
    return (
        f"Model {book.model} in {book.environment}{owner}. Written by driftlog {book.version} from its configuration "
        f"on {book.generated:%Y-%m-%d %H:%M} UTC; `driftlog handbook {book.model}` writes it again."
    )


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_escaped(cell).replace("\n", " ") or " " for cell in cells) + " |"


def duration(length: timedelta) -> str:
    """A length of time in whole units.

    >>> duration(timedelta(days=7)), duration(timedelta(minutes=90)), duration(timedelta(days=45))
    ('1 week', '90 minutes', '45 days')
    """
    for unit, name in ((timedelta(weeks=1), "week"), (timedelta(days=1), "day"), (timedelta(hours=1), "hour")):
        if length >= unit and not length % unit:
            n = length // unit
            return f"{n} {name}" + ("" if n == 1 else "s")
    minutes = length.total_seconds() / 60
    return f"{minutes:g} minutes" if minutes != 1 else "1 minute"


def _purpose(model: ModelSettings) -> Chapter:
    if not model.objectives:
        text = f"No objective is set. Say what the model is there for below `models.{model.name}.objectives`."
        return Chapter("What the model is there for", (text,))
    rows = tuple(_objective(one) for one in model.objectives)
    return Chapter(
        "What the model is there for",
        ("Its objectives; reviews hold the results against them, and alerts name those that they touch.",),
        table=Rows(("Objective", "Measured by", "Target", "Priority", "Owner", "Why"), rows),
        commands=(("How they stand", f"driftlog objectives {model.name}"),),
    )


def _objective(one: ObjectiveSettings) -> tuple[str, ...]:
    measured = title_of(one.metric) + (f" of {one.field}" if one.field else "")
    measured += f" in {one.segment}" if one.segment else ""
    sign = "at least" if one.direction == "above" else "at most"
    return one.name, measured, f"{sign} {number(one.target)}", one.priority, one.owner, one.why


def _watched(model: ModelSettings) -> Chapter:
    segments = ", ".join(" × ".join(fields) for fields in model.segments)
    points = [
        f"Task: {model.task}; environment: {model.environment}.",
        f"Judged over windows of {duration(model.window)} in {model.timezone}, counted by {duration(model.bucket)}; "
        f"the worker looks every {duration(model.cycle)}.",
        f"Performance is judged once {model.min_maturity:.0%} of a window's truths have arrived, and with at least "
        f"{model.min_rows} rows.",
        f"Late events and labels re-open windows for {duration(model.look_back)}.",
        "Features: " + (", ".join(model.features) if model.features else "all of the reference") + ".",
    ]
    points += [f"Segments watched apart: {segments}."] if segments else []
    points += [f"Fairness is measured between the groups of: {', '.join(model.protected)}."] if model.protected else []
    points += [f"Metrics of its own: {', '.join(one.name for one in model.metrics)}."] if model.metrics else []
    no_data = model.alerts.no_data_after
    points.append(
        f"Without any prediction for {duration(no_data)} it counts as silent."
        if no_data
        else "That no predictions arrive is not watched (alerts.no_data_after)."
    )
    return Chapter(
        "What is watched, and how",
        (),
        tuple(points),
        commands=(
            ("Results of the latest window", f"driftlog results {model.name}"),
            ("The report", f"driftlog report {model.name} --open"),
        ),
    )


def _thresholds(rules: Sequence[RuleRow]) -> Chapter:
    own = [rule for rule in rules if rule.source != "default"]
    shown = [*own, *(rule for rule in rules if rule.source == "default")]
    rows = tuple(_rule(rule) for rule in shown)
    text = (
        "The first rule that fits a measurement judges it. Those of the configuration come first, then the defaults."
        if own
        else "No threshold is set for this model: the defaults judge it."
    )
    return Chapter(
        "Thresholds",
        (text,),
        table=Rows(("Metric", "Where", "Rule", "Warning", "Critical", "From"), rows),
    )


def _rule(rule: RuleRow) -> tuple[str, ...]:
    one = rule.threshold
    where = ", ".join(
        part for part in (rule.purpose.replace("_", " "), _pattern(one.field), _pattern(one.segment)) if part
    )
    unit = {"quantile": " quantile", "seasonal": " sd", "anomaly": " robust sd"}.get(one.kind, "")
    kind = one.kind.replace("_", " ") + f", {one.direction}"
    if one.of_windows != (1, 1):
        kind += f", {one.of_windows[0]} of {one.of_windows[1]} windows"
    limits = [f"{number(limit)}{unit}" if limit is not None else "–" for limit in (one.warning, one.critical)]
    if one.kind == "default_drift":
        kind += f": an effect of {one.floor:g} or more, beyond what the reference's own windows differ by"
    return one.metric, where or "everywhere", kind, *limits, rule.source


def _pattern(text: str) -> str:
    return "" if text in ("", "*") else text


def _told(settings: Settings, model: ModelSettings) -> Chapter:
    routes = [
        route
        for route in settings.notifications.routes
        if any(fnmatchcase(model.name, pattern) for pattern in route.models)
        and any(fnmatchcase(model.owner, pattern) for pattern in route.owners)
    ]
    if not routes:
        return Chapter(
            "Who is told",
            ("Nobody is told of its alerts: no route of notifications.routes fits. They wait in the list.",),
            commands=(("Open alerts", f"driftlog alerts list {model.name}"),),
        )
    rows = tuple(_route(route) for route in routes)
    texts = []
    after = model.alerts.escalate_after
    if after is not None:
        texts.append(
            f"Alerts of {model.alerts.escalate_from} and worse are escalated after {duration(after)} without an answer."
        )
    windows = [f"{one.name} ({one.cron}, {duration(one.duration)})" for one in model.alerts.maintenance]
    if windows:
        texts.append(f"Nobody is told during planned maintenance: {', '.join(windows)}.")
    head = ("Channels", "From severity", "Of what", "When")
    return Chapter("Who is told", tuple(texts), table=Rows(head, rows))


def _route(route: RouteSettings) -> tuple[str, ...]:
    when = " ".join(part for part in (route.days, route.hours) if part)
    outside = "; the rest waits" if route.outside == "wait" else "; else not told"
    return (
        ", ".join(route.channels),
        route.severity,
        ", ".join(route.kinds),
        f"{when} {route.timezone}{outside}" if when else "always",
    )


def _on_an_alert(model: ModelSettings) -> Chapter:
    commands = (
        ("Say that you look after it", "driftlog alerts ack ALERT"),
        ("See what it rests on, and the likely causes", "driftlog alerts show ALERT"),
        ("Hand it on", "driftlog alerts assign ALERT PERSON"),
        ("Keep what you found", 'driftlog alerts comment ALERT "..."'),
        ("Be left alone for a while", "driftlog alerts snooze ALERT --for 4h"),
        ("Close it with cause and lesson, or as a false alarm", "driftlog alerts resolve ALERT --help"),
    )
    books = tuple(
        f"{one.metric} ({_pattern(one.purpose) or 'any purpose'}): {one.url}" for one in model.alerts.runbooks
    )
    text = (
        "An alert resolves by itself when its windows are well again. What people do about it is part of its history."
    )
    return Chapter("What to do on an alert", (text,), tuple(f"Runbook for {book}" for book in books), commands=commands)


def _by_kind(model: ModelSettings) -> Chapter:
    name = model.name
    rows = (
        (
            "Performance",
            "Predictions are worse than the reference or the limit.",
            "Are the truths complete and right? Which segments, which version? Then retrain or roll back.",
            f"driftlog segments {name}; driftlog versions list {name}",
        ),
        (
            "Data drift",
            "Features are distributed otherwise than in the reference.",
            "A changed source, a season, a campaign? If it stays and performance holds, set a new reference.",
            f"driftlog compare {name} --help",
        ),
        (
            "Prediction drift",
            "The model answers otherwise than it did.",
            "Compare with data drift: with it, the data changed; without it, the model or its code did.",
            f"driftlog results {name} --purpose prediction_drift",
        ),
        (
            "Quality",
            "Missing, malformed, unseen or out-of-range values.",
            "Look at single predictions, then at the source of that feature.",
            f"driftlog predictions {name}",
        ),
        (
            "Operations",
            "Errors, latency, too few predictions, or none.",
            "Is the service up, is the intake or Logstash up? driftlog tells when it is itself silent.",
            "driftlog doctor; driftlog watchdog",
        ),
        (
            "Pipeline integrity",
            "Events were lost, doubled, late, or quarantined.",
            "Mend the pipeline first: drift and performance of such windows are not judged.",
            f"driftlog predictions {name}; driftlog doctor",
        ),
    )
    return Chapter("By kind of alert", (), table=Rows(("Kind", "It means", "What to do", "Look at"), rows))


def _retraining(model: ModelSettings) -> Chapter:
    maintain = model.maintain
    request = ("Ask for a training", f'driftlog retrain request {model.name} --why "..."')
    explain = ("Why it trains, or why not", f"driftlog maintain explain {model.name}")
    triggers, when = maintain.triggers, maintain.conditions
    modes = {"off": "The loop is off.", "advise": "The loop advises; a person acts.", "act": "The loop acts."}
    points = [modes[maintain.mode]]
    if triggers.schedule:
        points.append(f"On schedule: {triggers.schedule} ({model.timezone}).")
    if triggers.degraded:
        points.append(f"When a performance alert of {triggers.degraded} or worse is open.")
    if len(triggers.drifted) == 2:
        points.append(
            f"When data drift is in breach in {triggers.drifted[0]} of the last {triggers.drifted[1]} windows."
        )
    if triggers.new_labels is not None:
        points.append(f"When {triggers.new_labels:,} new labelled predictions have arrived.")
    if triggers.estimated_loss is not None:
        points.append(f"When {triggers.estimated_loss:,} {model.business_unit} were lost against the reference.")
    points.append("When somebody asks for it.")
    points += [
        f"Needed: {when.min_labels:,} labelled predictions; {duration(when.cooldown)} since the last training; at most "
        f"{when.budget} trainings in {duration(when.budget_period)}."
        + (f" Nothing is started in quiet hours ({when.quiet_hours})." if when.quiet_hours else ""),
        "A person approves: " + (", ".join(when.approval) if when.approval else "nothing; all is automatic") + ".",
        f"Trained by: {maintain.executor.kind or 'nothing that is set; the loop advises only'}.",
    ]
    return Chapter("How retraining is decided", (), tuple(points), commands=(request, explain))


def _versions(model: ModelSettings) -> Chapter:
    proof, promotion = model.maintain.validation, model.maintain.promotion
    margin = f" by {proof.margin:g}" if proof.margin else ""
    points = [
        f"A candidate must beat the champion in {proof.metric or 'the main metric of its task'}{margin} on the same "
        f"labelled rows of {duration(proof.window)} (at least {proof.min_rows:,}), at a level of {proof.alpha:g}.",
        f"Guard metrics that may not get worse by more than {proof.guard_margin:g}: "
        f"{', '.join(proof.guards) or 'none'}; no segment by more than {proof.segment_margin:g}.",
        f"It goes live by: {', then '.join(promotion.steps)}.",
        f"It is watched for {duration(promotion.watch)}; "
        f"{', '.join(promotion.rollback_on) or proof.metric or 'the main metric'} falling by more than "
        f"{promotion.rollback_margin:g} brings the old version back.",
    ]
    commands = (
        ("Versions", f"driftlog versions list {model.name}"),
        ("Put one live by hand", f'driftlog versions promote {model.name} VERSION --why "..."'),
        ("Go back", f'driftlog versions rollback {model.name} --why "..."'),
    )
    return Chapter("Promoting and rolling back", (), tuple(points), commands=commands)


def _reviews(model: ModelSettings) -> Chapter:
    review = model.review
    if review.every == "never":
        text = f"No review is scheduled (models.{model.name}.review.every)."
    else:
        to = f", sent to {', '.join(review.channels)}" if review.channels else ""
        to += f", kept in {review.folder}" if review.folder else ""
        text = f"One is written each {review.every}{to}."
    commands = (
        ("Write one", f"driftlog review {model.name}"),
        ("Tell what no program can see", f'driftlog note "..." --model {model.name} --kind procedure'),
    )
    return Chapter("Reviews", (text,), commands=commands)


def _retention(settings: Settings, model: ModelSettings) -> Chapter:
    kept = settings.retention
    own = {one.name: one.predictions for one in kept.models}
    rows = []
    for name in kept.__struct_fields__:
        if name == "models":
            continue
        age = own.get(model.name, kept.predictions) if name == "predictions" else getattr(kept, name)
        rows.append((name, duration(age) if age is not None else "for ever"))
    text = "Whole periods are dropped by the janitor, with an account of its own, and recorded in the audit trail."
    commands = (
        ("What goes next", "driftlog janitor list"),
        ("Drop what has expired", "driftlog janitor run --yes"),
        ("Make room", "driftlog janitor list --free 10GB"),
    )
    return Chapter("How long data are kept", (text,), table=Rows(("Kind", "Kept"), tuple(rows)), commands=commands)


def _erasure() -> Chapter:
    text = (
        "A person's data are erased by the id that the serving app knows: predictions, outcomes, feedback, refused "
        "lines and this machine's spools. The trail keeps a proof without the id; what is sent later is not stored."
    )
    commands = (
        ("What there is", "driftlog erase --subject ID"),
        ("Erase it", "driftlog erase --subject ID --yes"),
        ("Go on after an interruption", "driftlog erase --resume"),
    )
    return Chapter("Erasing a person's data", (text,), commands=commands)


def _audit(settings: Settings) -> Chapter:
    key = settings.audit.signing_key
    text = "Every change, alert, decision and erasure is in a hash-chained trail. " + (
        "Its head is signed." if key else "Its head is not signed (audit.signing_key), so a cut-off tail is not proven."
    )
    commands = (("Prove that nothing was changed", "driftlog audit verify --deep"),)
    return Chapter("The audit trail", (text,), commands=commands)


def _contacts(settings: Settings, model: ModelSettings) -> Chapter:
    points = [f"Owner of the model: {model.owner or 'nobody is named (owner)'}."]
    owners: dict[str, list[str]] = {}
    for one in model.objectives:
        if one.owner:
            owners.setdefault(one.owner, []).append(one.name)
    points += [f"{owner}: {', '.join(names)}." for owner, names in owners.items()]
    points += [f"Channel {channel.name}: {_ways(channel)}." for channel in settings.notifications.channels]
    return Chapter("Contacts", (), tuple(clean(point, 400) for point in points))


def _ways(channel: ChannelSettings) -> str:
    """Kinds of addresses; never the addresses, which hold secrets.

    >>> from driftlog.contract.strict import Secret
    >>> _ways(ChannelSettings(name="ops", urls=(Secret("mailtos://user:pw@host?to=a@b.c"), Secret("slack://T/B/x"))))
    'mailtos, slack'
    """
    return ", ".join(url.reveal().partition("://")[0][:20] for url in channel.urls)
