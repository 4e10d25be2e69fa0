"""Which column of a file is which field of an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from driftlog.contract.errors import UsageError

Kind = Literal["predictions", "feedback"]

KNOWN_PREFIXES = (
    "features.",
    "prediction.",
    "feedback.",
    "labels.",
    "event.",
    "error.",
    "service.",
    "model.",
    "subject.",
    "trace.",
    "host.",
)
"""A column that starts with one of these is that field, without being named."""


@dataclass(frozen=True)
class Columns:
    """Columns by role; None where the file has no such column.

    Attributes
    ----------
    fields
        Column -> dotted field of the event.
    truth
        Column with the true label or value: becomes feedback of its own beside a prediction.
    truth_time
        Column with the time the truth became known; the prediction's own time without it.
    """

    timestamp: str
    fields: dict[str, str]
    event_id: str | None = None
    truth: str | None = None
    truth_time: str | None = None
    rest: tuple[str, ...] = field(default=())
    """Columns that are not imported."""


def parse_mappings(mappings: Iterable[str]) -> dict[str, str]:
    """``COLUMN=FIELD`` options as a dict.

    >>> parse_mappings(["country code=features.country"])
    {'country code': 'features.country'}
    """
    found = {}
    for text in mappings:
        column, sign, name = text.rpartition("=")
        if not sign or not column or not name:
            raise UsageError(f"--map: {text[:80]!r} is not COLUMN=FIELD", remedy="write --map country=features.country")
        found[column] = name
    return found


def choose_columns(
    present: Sequence[str],
    kind: Kind,
    *,
    regression: bool,
    timestamp: str,
    event_id: str | None = None,
    prediction_id: str | None = None,
    features: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    subject: str | None = None,
    variant: str | None = None,
    truth: str | None = None,
    truth_time: str | None = None,
    mappings: dict[str, str] | None = None,
) -> Columns:
    """Roles of the columns of one file.

    Raises
    ------
    UsageError
        A named column is not in the file, or what the kind needs is not named.
    """
    fields = {name: name for name in present if name.startswith(KNOWN_PREFIXES)}
    for name in _split(features):
        fields[name] = name if name.startswith("features.") else f"features.{name}"
    named = {
        prediction: "prediction.value" if regression else "prediction.label",
        score: "prediction.score",
        prediction_id: "feedback.prediction_id",
        subject: "subject.id",
        variant: "model.variant",
    }
    if kind == "feedback":
        named[truth] = "feedback.actual_value" if regression else "feedback.actual"
    fields |= {column: target for column, target in named.items() if column is not None} | (mappings or {})
    apart = [column for column in (timestamp, event_id, truth_time, truth if kind == "predictions" else None) if column]
    _check_present([*fields, *apart], present)
    _check_targets(mappings or {})
    _check_once({column: target for column, target in fields.items() if column not in apart})
    _check_complete(kind, set(fields.values()))
    return Columns(
        timestamp=timestamp,
        fields={column: target for column, target in fields.items() if column not in apart},
        event_id=event_id,
        truth=truth if kind == "predictions" else None,
        truth_time=truth_time,
        rest=tuple(name for name in present if name not in fields and name not in apart),
    )


def _split(features: str | None) -> list[str]:
    return [name.strip() for name in features.split(",") if name.strip()] if features else []


def _check_present(wanted: Iterable[str], present: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in present]
    if missing:
        shown = ", ".join(repr(name) for name in present[:30])
        raise UsageError(f"the file has no column {missing[0]!r}", remedy=f"its columns are {shown}")


def _check_targets(mappings: dict[str, str]) -> None:
    for column, target in mappings.items():
        if target in ("@timestamp", "event.id"):
            option = "--timestamp" if target == "@timestamp" else "--id"
            raise UsageError(f"--map: {column[:80]!r} becomes {target}", remedy=f"write {option} {column[:80]} instead")
        if not target.startswith(KNOWN_PREFIXES) or target in KNOWN_PREFIXES:
            groups = ", ".join(f"{prefix}NAME" for prefix in KNOWN_PREFIXES[:4])
            raise UsageError(f"--map: {target[:80]!r} is no field of an event", remedy=f"write {groups}, for example")


def _check_once(fields: Mapping[str, str]) -> None:
    by_target: dict[str, str] = {}
    for column, target in fields.items():
        if target in by_target:
            raise UsageError(
                f"columns {by_target[target]!r} and {column!r} would both become {target}",
                remedy="map one of them to another field",
            )
        by_target[target] = column


def reference_columns(
    present: Sequence[str],
    *,
    regression: bool,
    timestamp: str = "@timestamp",
    features: str | None = None,
    prediction: str | None = None,
    score: str | None = None,
    truth: str | None = None,
    mappings: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Column -> field of the columns of a file that becomes a reference.

    With `features` those are the features and other columns without a field are left out; without it every column
    that is not named becomes a feature.

    >>> reference_columns(["age", "p", "id"], regression=False, features="age", score="p")
    {'age': 'features.age', 'p': 'prediction.score'}

    Raises
    ------
    UsageError
        A named column is not in the file, or two would become one field.
    """
    known = (*KNOWN_PREFIXES, "outcome.")
    named = {
        prediction: "prediction.value" if regression else "prediction.label",
        score: "prediction.score",
        truth: "outcome.actual_value" if regression else "outcome.actual",
        timestamp if timestamp in present or timestamp != "@timestamp" else None: "@timestamp",
    }
    fields = {name: name for name in present if name.startswith(known)}
    listed = [name for name in present if name not in fields] if features is None else _split(features)
    fields |= {name: name if name.startswith("features.") else f"features.{name}" for name in listed}
    fields |= {column: target for column, target in named.items() if column is not None} | dict(mappings or {})
    _check_present(fields, present)
    _check_once(fields)
    return fields


def _check_complete(kind: Kind, targets: set[str]) -> None:
    if kind == "predictions" and not any(t.startswith(("features.", "prediction.", "error.")) for t in targets):
        raise UsageError(
            "no column is a feature or a prediction",
            remedy="name them: --features a,b,c --prediction answer, or --map COLUMN=features.NAME",
        )
    if kind == "feedback" and "feedback.prediction_id" not in targets:
        raise UsageError(
            "no column says which prediction the feedback is about", remedy="name it: --prediction-id COLUMN"
        )
    about = {"feedback.actual", "feedback.actual_value", "feedback.rating", "feedback.comment"}
    if kind == "feedback" and not targets & about:
        raise UsageError("no column holds the truth, a rating or a comment", remedy="name it: --label COLUMN")
