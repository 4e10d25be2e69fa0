"""Events to lines of JSON."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec

from driftlog import __version__
from driftlog.contract.events import (
    DATASET_RESOURCE,
    DriftlogGroup,
    EventGroup,
    FeedbackEvent,
    HostGroup,
    PredictionEvent,
    ProcessGroup,
    ResourceEvent,
    ResourceGroup,
    ServiceGroup,
)
from driftlog.shipping.normalise import normalise_features, to_json

_encode = msgspec.json.Encoder().encode
_EVENT = b'"event":{'


class Identity(NamedTuple):
    """The groups that are the same in every event of a process."""

    service: ServiceGroup
    host: HostGroup
    process: ProcessGroup
    driftlog: DriftlogGroup

    @classmethod
    def of_process(cls, service: str, version: str | None, environment: str | None) -> Identity:
        name = os.path.basename(sys.argv[0]) if getattr(sys, "argv", None) else None  # noqa: PTH119
        return cls(
            ServiceGroup(name=service, version=version, environment=environment),
            HostGroup(name=os.uname().nodename),
            ProcessGroup(pid=os.getpid(), name=name or None),
            DriftlogGroup(shipper=__version__),
        )


def now_utc() -> datetime:
    return datetime.now(UTC)


def new_event_id() -> str:
    """UUID version 7 without dashes: time first, because Elasticsearch looks ids up faster when they grow.

    >>> len(new_event_id()), new_event_id()[12]
    (32, '7')
    """
    chance = int.from_bytes(os.urandom(10), "big")
    milliseconds = time.time_ns() // 1_000_000
    high = (milliseconds << 16) | 0x7000 | (chance >> 68)
    low = 0x8000_0000_0000_0000 | (chance & 0x3FFF_FFFF_FFFF_FFFF)
    return f"{high:016x}{low:016x}"


def encode_event(event: PredictionEvent | FeedbackEvent | ResourceEvent | dict[str, Any]) -> bytes:
    """One line with its newline, ``event.hash`` included.

    The hash is BLAKE2b (16 bytes, hexadecimal) of the line without hash and newline. The same event sent again has
    the same hash; another event that reuses the id has another one.
    """
    raw = _encode(event)
    digest = hashlib.blake2b(raw, digest_size=16).hexdigest()
    start = raw.index(_EVENT) + len(_EVENT)  # the first one: only @timestamp comes before it
    return raw[:start] + b'"hash":"' + digest.encode() + b'",' + raw[start:] + b"\n"


def encode_robustly(event: PredictionEvent | FeedbackEvent) -> bytes:
    """Like `encode_event`; strings that are not Unicode and keys that are no strings are made so."""
    try:
        return encode_event(event)
    except (TypeError, ValueError):
        if isinstance(event, PredictionEvent) and event.features is not None:
            event.features = normalise_features(event.features, [])
        plain: dict[str, Any] = to_json(msgspec.to_builtins(event), "", [])
        return encode_event(plain)


def encode_resource(sample: ResourceGroup, identity: Identity) -> bytes:
    """Line of one resource sample, now."""
    return encode_event(
        ResourceEvent(
            timestamp=now_utc(),
            event=EventGroup(id=new_event_id(), dataset=DATASET_RESOURCE),
            service=identity.service,
            host=identity.host,
            process=identity.process,
            driftlog=identity.driftlog,
            resource=sample,
        )
    )
