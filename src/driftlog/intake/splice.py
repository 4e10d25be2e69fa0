"""The fast path: a prediction event that driftlog's own shipper wrote is stored as the bytes it came in.

A typed decoder checks the whole line: only known fields, each of its type, so nothing is left to convert or lift.
Then ``event.ingested`` and ``driftlog.source`` are inserted into the bytes. Any doubt returns None, and the general
path decides; so both paths give the same document (a property test holds them equal).

The search for ``"event":{`` cannot hit anything but that key: all other objects hold scalars only, and a quote inside a
string is escaped.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

import msgspec

from driftlog.contract.errors import NameRefused
from driftlog.contract.events import MAX_ID_BYTES
from driftlog.intake.arrival import Accepted, Arrival
from driftlog.intake.timestamps import parse_timestamp

_PLAIN_UTC: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{6}Z\Z", re.ASCII)
_Long = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Base: anything unexpected is left to the general path."""


class _Event(_Strict, gc=False):
    id: str
    dataset: Literal["driftlog.prediction"]
    outcome: Literal["success", "failure"]
    duration: _Long = 0
    hash: str = ""


class _Service(_Strict, gc=False):
    name: str = ""
    version: str = ""
    environment: str = ""


class _Named(_Strict, gc=False):
    name: str


class _Process(_Strict, gc=False):
    pid: _Long = 0
    name: str = ""


class _Id(_Strict, gc=False):
    id: str


class _Model(_Strict, gc=False):
    name: str
    version: str = ""
    variant: str = ""


class _Driftlog(_Strict, gc=False):
    shipper: str
    nonfinite: list[str] = []


class _Prediction(_Strict, gc=False):
    task: Literal["binary", "multiclass", "regression"] = "binary"
    label: str = ""
    value: float = 0.0
    score: float = 0.0
    probabilities: dict[str, float | None] = {}
    attributions: dict[str, float | None] = {}


class _PredictionEvent(_Strict, gc=False):
    timestamp: str = msgspec.field(name="@timestamp")
    event: _Event
    model: _Model
    features: dict[str, float | int | str | bool | None]
    prediction: _Prediction = msgspec.field(default_factory=_Prediction)
    service: _Service = msgspec.field(default_factory=_Service)
    host: _Named = msgspec.field(default_factory=lambda: _Named(""))
    process: _Process = msgspec.field(default_factory=_Process)
    trace: _Id = msgspec.field(default_factory=lambda: _Id(""))
    subject: _Id = msgspec.field(default_factory=lambda: _Id(""))
    labels: dict[str, str] = {}
    driftlog: _Driftlog | msgspec.UnsetType = msgspec.UNSET


_decode: Final = msgspec.json.Decoder(_PredictionEvent).decode


def splice(raw: bytes, arrival: Arrival) -> Accepted | None:
    """The document of `raw` when its bytes need nothing but two insertions, else None."""
    at = raw.find(b'"event":{')
    if at < 0 or raw[-1:] != b"}":
        return None
    try:
        event = _decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    meta, rules = event.event, arrival.rules
    if not (0 < len(meta.id) <= MAX_ID_BYTES and meta.id.isascii() and event.features):
        return None
    if not rules.knows_features(event.features) or len(event.features) > rules.max_features:
        return None
    timestamp, model = event.timestamp, event.model.name
    if not _PLAIN_UTC.match(timestamp):
        return None
    index = arrival.minutes.get((model, timestamp[:16])) or _index(model, timestamp, arrival)
    if index is None:
        return None
    document = _insert(raw, at, event, arrival)
    return Accepted("predictions", model, index, meta.id, meta.hash, document, raw, spliced=True)


def _index(model: str, timestamp: str, arrival: Arrival) -> str | None:
    """The index of an event in the minute of `timestamp`, remembered; None where the minute is not fully accepted."""
    minute = timestamp[:16]
    first, last = parse_timestamp(f"{minute}:00.000000Z"), parse_timestamp(f"{minute}:59.999999Z")
    if first is None or last is None or first < arrival.oldest or last > arrival.newest:
        return None
    try:
        index = arrival.rules.predictions_index(model, timestamp)
    except NameRefused:
        return None
    arrival.minutes[model, minute] = index
    return index


def _insert(raw: bytes, at: int, event: _PredictionEvent, arrival: Arrival) -> bytes:
    document = arrival.splice_event + raw[at + 9 : -1]
    if event.driftlog is msgspec.UNSET:
        return b"%b%b%b" % (raw[:at], document, arrival.splice_end)
    document = raw[:at] + document + b"}"
    return document.replace(b'"driftlog":{', arrival.splice_driftlog, 1)
