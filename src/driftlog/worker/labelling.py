"""Which predictions are worth a label, and what comes back.

A sample has three parts. *Uncertain*: the predictions of which the model is least certain, all of them up to the number
wanted; nothing is left to chance. *Drifted*: drawn at random where the data grew most against the reference. *Random*:
drawn at random from everything. The two random draws are independent, so the probability of a prediction to be in the
sample at all is ``1`` if it is among the uncertain, else ``1 - (1 - pi_random) (1 - pi_drifted)``, with pi_drifted 0
for predictions outside the grown parts. Every row carries it: see `driftlog.evaluate.sampling` for what to do with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np

from driftlog.contract.errors import EventRefused, ReferenceUnusable
from driftlog.contract.events import FeedbackEvent
from driftlog.contract.settings import ModelSettings
from driftlog.contract.surveying import LABELLED
from driftlog.contract.window import Window
from driftlog.evaluate.growth import Grown, grown_parts
from driftlog.evaluate.randomness import seed_of
from driftlog.evaluate.sampling import either
from driftlog.profile.labelling_query import Draw, Unlabelled, within_any
from driftlog.profile.outcome_row import same_label
from driftlog.profile.reference_store import active
from driftlog.profile.stored import load_segments, load_window
from driftlog.store.client import Store
from driftlog.store.feedback import feedback_event, truth_group, write_feedback

UNCERTAIN, DRIFTED, RANDOM = "uncertain", "drifted", "random"
MOST_ROWS: Final = 5000
IDS: Final = 1000
LABELS: Final = 1000
"""Labels of a model that are known by name."""


@dataclass(frozen=True, slots=True)
class SampledRow:
    """One prediction to be labelled.

    Attributes
    ----------
    document
        The stored prediction: time, model, features, prediction.
    why
        Each part of the sample that drew it, with the reason.
    probability
        With which it was to be in the sample at all.
    """

    prediction_id: str
    document: Mapping[str, Any]
    why: tuple[str, ...]
    probability: float


@dataclass(frozen=True, slots=True)
class Sample:
    """Predictions to be labelled, in random order.

    Attributes
    ----------
    id
        Names the draw: model, environment, window, size and seed.
    population
        Predictions in the window, labelled or not.
    counts
        Rows by part; a row that two parts drew counts in both.
    notes
        What was not as asked for, for people.
    """

    id: str
    rows: tuple[SampledRow, ...]
    population: int
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


def draw_sample(
    store: Store,
    settings: ModelSettings,
    window: Window,
    n: int,
    *,
    seed: int = 0,
) -> Sample:
    """About `n` predictions of `window` that have no label, by the shares of `settings.labelling`.

    The same seed draws the same predictions as long as the documents stay in their shards and no labels come in. A part
    that cannot be drawn (no scores; no reference, no counts, or nothing grew) gives its share to the random one.
    """
    from_window = Unlabelled(store, settings, window)
    population, labelled = from_window.count(), from_window.labelled_share()
    shares, notes = settings.labelling, []
    wanted = round(n * shares.uncertain)
    certain = from_window.least_certain(wanted) if wanted else []
    if len(certain) < wanted:
        what = "a regression has no scores" if settings.task == "regression" else f"only {len(certain)} have a score"
        notes.append(f"uncertain: {len(certain)} instead of {wanted} ({what}); the rest is drawn at random")
    wanted = round(n * shares.drifted)
    parts = _grown(store, settings, window, notes) if wanted else []
    names = [part.segment for part in parts]
    grown = Draw()
    if names:
        where = seed_of(DRIFTED, seed) % 2**31
        grown = from_window.draw(wanted, seed=where, labelled=labelled, within=[within_any(names)])
    rest = max(0, n - len(certain) - (wanted if names else 0))
    chosen = from_window.draw(rest, seed=seed_of(RANDOM, seed) % 2**31, labelled=labelled) if rest else Draw()
    if not chosen.ids:
        notes.append("no row was drawn from everything: the sample says nothing of the predictions outside its parts")

    ids = list(dict.fromkeys([*certain, *grown.ids, *chosen.ids]))
    documents = from_window.rows(ids)
    inside = from_window.matching(ids, names) if names else {}
    by_name = {part.segment: part for part in parts}
    rows = [
        SampledRow(
            id,
            documents[id],
            tuple(
                _why(id, documents[id], set(certain), grown, chosen, [by_name[s] for s in inside.get(id, ())], settings)
            ),
            _probability(id, set(certain), grown if id in inside else Draw(), chosen),
        )
        for id in ids
        if id in documents
    ]
    order = np.random.default_rng(seed_of("order", seed)).permutation(len(rows))
    return Sample(
        _sample_id(settings, window, n, seed),
        tuple(rows[at] for at in order),
        population,
        {UNCERTAIN: len(certain), DRIFTED: len(grown.ids), RANDOM: len(chosen.ids)},
        tuple(notes),
    )


def _grown(store: Store, settings: ModelSettings, window: Window, notes: list[str]) -> list[Grown]:
    """Where the data grew; a note says why nothing is known."""
    without = "the rest is drawn at random"
    try:
        pair = active(store, settings.name, settings.environment)
    except ReferenceUnusable as error:
        notes.append(f"drifted: {error.message}; {without}")
        return []
    if pair is None:
        notes.append(f"drifted: there is no reference (`driftlog reference set {settings.name}`); {without}")
        return []
    binning, reference = pair
    where = (store, settings.name, settings.environment, binning.id, window)
    current = load_window(*where)
    if current is None:
        notes.append(f"drifted: the window is not counted yet (`driftlog run --once`); {without}")
        return []
    parts = grown_parts(reference, current, binning, load_segments(*where))
    if not parts:
        notes.append(f"drifted: nothing grew against the reference beyond chance; {without}")
    return parts


def _probability(id: str, certain: set[str], grown: Draw, chosen: Draw) -> float:
    return 1.0 if id in certain else either(grown.probability, chosen.probability)


def _why(
    id: str,
    document: Mapping[str, Any],
    certain: set[str],
    grown: Draw,
    chosen: Draw,
    parts: Sequence[Grown],
    settings: ModelSettings,
) -> Iterable[str]:
    if id in certain:
        score = document.get("prediction", {}).get("score")
        told = f"score {score:.4g}" if isinstance(score, (int, float)) else "score unknown"
        binary = f", threshold {settings.decision_threshold:g}" if settings.task == "binary" else ""
        yield f"{UNCERTAIN}: {told}{binary}"
    if id in grown.ids and parts:
        most = max(parts, key=lambda part: part.growth)
        yield f"{DRIFTED}: {most.segment.removeprefix('features.')} {most.before:.1%} -> {most.now:.1%}"
    if id in chosen.ids:
        yield RANDOM


def _sample_id(settings: ModelSettings, window: Window, n: int, seed: int) -> str:
    text = f"{settings.name}|{settings.environment}|{window.label()}|{n}|{seed}"
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


# -- what comes back ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LabelLine:
    """One line of a labelled file; `sample` and `probability` are empty where the file has none."""

    number: int
    prediction_id: str
    actual: str = ""
    comment: str = ""
    sample: str = ""
    probability: str = ""


@dataclass
class LabelImport:
    """What became of the lines: stored, stored before, without a label, skipped (number of the line, and why)."""

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    unlabelled: int = 0
    skipped: list[tuple[int, str]] = field(default_factory=list)


def import_labels(
    store: Store,
    settings: ModelSettings,
    lines: Iterable[LabelLine],
    *,
    at: datetime,
    now: Callable[[], datetime],
    any_label: bool = False,
) -> LabelImport:
    """Store labels as feedback of source ``label``; a repetition stores nothing again.

    Skipped are lines whose prediction is not stored, whose label is none that the model knows (or no number), and those
    that contradict an earlier line. The sample and the probability of each are kept as ``labels.sample`` and
    ``labels.inclusion_probability`` of the feedback.

    Parameters
    ----------
    at
        When the labels became known.
    any_label
        Take labels that neither predictions nor truths have had so far.
    """
    report = LabelImport()
    usable: dict[str, LabelLine] = {}
    for line in lines:
        report.lines += 1
        earlier = usable.get(line.prediction_id)
        if not line.actual.strip():
            report.unlabelled += 1
        elif earlier is None:
            usable[line.prediction_id] = line
        elif earlier.actual == line.actual:
            report.duplicates += 1
        else:
            report.skipped.append((line.number, f"another label than line {earlier.number} has for this prediction"))
    stored = _stored(store, settings, list(usable))
    known = None if any_label or settings.task == "regression" else known_labels(store, settings)
    if known is not None and len(known) < 2:  # a model that gives scores only: nothing to compare with
        known = None
    events = []
    for line in usable.values():
        try:
            events.append(_event(line, settings, stored, known, at))
        except EventRefused as error:
            report.skipped.append((line.number, error.message))
    done = write_feedback(store, events, now=now)
    report.stored += done.stored
    report.duplicates += done.duplicates
    numbers = {str(event.event.id): usable[_id_of(event)].number for event in events}
    report.skipped += [(numbers[id], reason) for id, reason in done.refused]
    report.skipped.sort()
    store.refresh(store.names.every("feedback"))
    return report


def _id_of(event: FeedbackEvent) -> str:
    return str(event.feedback.prediction_id) if event.feedback is not None else ""


def _event(
    line: LabelLine, settings: ModelSettings, stored: set[str], known: set[str] | None, at: datetime
) -> FeedbackEvent:
    if line.prediction_id not in stored:
        raise EventRefused("missing_prediction_id", f"no such prediction: {line.prediction_id[:80]!r}")
    label = line.actual.strip()
    if known is not None and not any(same_label(label, each) for each in known):
        shown = ", ".join(sorted(known)[:10])
        raise EventRefused(
            "illegal_field",
            f"{label[:80]!r} is no label that {settings.name} has had (known: {shown}); --any-label takes it",
        )
    group = truth_group(label, settings)
    group.comment, group.source = line.comment or None, LABELLED
    event = feedback_event(settings, line.prediction_id, group, at=at, came="import")
    kept = {"sample": line.sample, "inclusion_probability": line.probability}
    event.labels = {name: value for name, value in kept.items() if value} or None
    return event


def _stored(store: Store, settings: ModelSettings, ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for at in range(0, len(ids), IDS):
        body = {"query": {"ids": {"values": list(ids[at : at + IDS])}}, "size": 10 * IDS, "_source": False}
        hits = store.search(store.names.all_predictions(settings.name), body)["hits"]["hits"]
        found.update(hit["_id"] for hit in hits)
    return found


def known_labels(store: Store, settings: ModelSettings) -> set[str]:
    """Labels that the model has given, that were known as truths, or that its survey asks for."""
    question = settings.survey.question("label")
    labels = {settings.positive_label} if settings.task == "binary" else set()
    labels.update(question.choices if question is not None else ())
    of_model = {"term": {"model.name": settings.name}}
    for pattern, name in (
        (store.names.all_predictions(settings.name), "prediction.label"),
        (store.names.every("outcomes"), "outcome.actual"),
    ):
        aggs = {"labels": {"terms": {"field": name, "size": LABELS}}}
        answer = store.search(pattern, {"size": 0, "track_total_hits": False, "query": of_model, "aggs": aggs})
        labels.update(str(one["key"]) for one in answer.get("aggregations", {}).get("labels", {}).get("buckets", ()))
    return labels
