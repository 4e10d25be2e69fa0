"""Profiles as packed bytes: compact to keep, quick to add up.

Layout of packed prediction counts (little-endian)::

    version u8 | flags u8 (1 = zlib over all that follows) | lengths of schema, head, counts, moments: 4 x u32
    schema   MessagePack: field names, bins a field, labels with a score histogram, score bins, latency bins, item size
    head     int64: n, failures, hours, then missing, unseen, malformed, nonfinite of every field in turn
    counts   u8/u16/u32/i64 (the smallest that fits): bins of every field, latency, score bins of every label
    moments  float64: latency_total_ns, then total, squares, minimum, maximum of every field (NaN: None)
    errors   MessagePack: error type -> count

Documents with the same schema add up as stacked arrays, without one Python object a field and bucket: a month of
hourly documents becomes a profile in milliseconds. A reader refuses versions it does not know; version 2 added sums and
histograms to outcomes, version 1 is read with those at zero.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np

from driftlog.contract.binning import Binning
from driftlog.contract.errors import StoreError
from driftlog.contract.profile import FieldCounts, OutcomeProfile, PredictionProfile, ProfileKey
from driftlog.profile.layout import split_labels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

VERSION: Final = 2
_READ: Final = (1, 2)
_HEADER: Final = struct.Struct("<BB4I")
_ZLIB: Final = 1
_WORTH_BYTES: Final = 2048
_SIZES: Final[dict[int, str]] = {1: "<u1", 2: "<u2", 4: "<u4", 8: "<i8"}


class Schema(msgspec.Struct, frozen=True, array_like=True):
    """What the arrays hold."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    labels: tuple[str, ...]
    score_size: int
    latency_size: int
    item_size: int


@dataclass(slots=True)
class Packed:
    """The arrays of one packed profile, or of a sum."""

    schema: bytes
    head: Ints
    counts: NDArray[Any]
    moments: Floats
    errors: dict[str, int]


def pack_predictions(profile: PredictionProfile, binning: Binning) -> bytes:
    """Bytes of a profile. Score histograms of labels that the binning does not split are left out."""
    names = tuple(sorted(profile.fields))
    fields = [profile.fields[name] for name in names]
    labels = tuple(split_labels(binning))
    score = binning.fields.get("prediction.score")
    score_size = score.size if score is not None and labels else 0
    by_label = [profile.score_by_label.get(label, np.zeros(score_size, dtype=np.int64)) for label in labels]
    counts = np.concatenate([*(field.counts for field in fields), profile.latency, *by_label])
    item_size = _item_size(counts)
    sizes = tuple(len(field.counts) for field in fields)
    schema = Schema(names, sizes, labels, score_size, len(profile.latency), item_size)
    head = [profile.n, profile.failures, profile.hours]
    moments: list[float] = [profile.latency_total_ns]
    for field in fields:
        head += [field.missing, field.unseen, field.malformed, field.nonfinite]
        moments += [field.total, field.squares, _nan(field.minimum), _nan(field.maximum)]
    parts = (
        msgspec.msgpack.encode(schema),
        np.asarray(head, dtype="<i8").tobytes(),
        counts.astype(_SIZES[item_size]).tobytes(),
        np.asarray(moments, dtype="<f8").tobytes(),
    )
    return _seal(parts, msgspec.msgpack.encode(dict(profile.errors)))


def _item_size(counts: Ints) -> int:
    largest = int(counts.max(initial=0))
    return 1 if largest < 2**8 else 2 if largest < 2**16 else 4 if largest < 2**32 else 8


def _nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _seal(parts: Sequence[bytes], tail: bytes) -> bytes:
    body = b"".join((*parts, tail))
    lengths = [len(part) for part in parts]
    if len(body) > _WORTH_BYTES:
        pressed = zlib.compress(body, 1)
        if len(pressed) < 0.75 * len(body):
            return _HEADER.pack(VERSION, _ZLIB, *lengths) + pressed
    return _HEADER.pack(VERSION, 0, *lengths) + body


def _open(data: bytes) -> tuple[list[memoryview], memoryview]:
    version, flags, *lengths = _HEADER.unpack_from(data)
    if version not in _READ:
        raise StoreError(
            f"a stored profile has codec version {version}, this driftlog reads {VERSION}",
            remedy="update driftlog, or recount the window with `driftlog run --from A --to B`",
        )
    view = memoryview(data)[_HEADER.size :]
    body = memoryview(zlib.decompress(view)) if flags & _ZLIB else view
    parts, offset = [], 0
    for length in lengths:
        parts.append(body[offset : offset + length])
        offset += length
    return parts, body[offset:]


def open_predictions(data: bytes) -> Packed:
    """The arrays of packed prediction counts, as views."""
    (schema, head, counts, moments), errors = _open(data)
    item_size = schema[-1]  # MessagePack's last element is the small integer item_size
    return Packed(
        schema=bytes(schema),
        head=np.frombuffer(head, dtype="<i8"),
        counts=np.frombuffer(counts, dtype=_SIZES[item_size]),
        moments=np.frombuffer(moments, dtype="<f8"),
        errors=msgspec.msgpack.decode(errors, type=dict[str, int]) if len(errors) > 1 else {},
    )


def unpack_predictions(data: bytes, key: ProfileKey) -> PredictionProfile:
    """The profile that `pack_predictions` packed."""
    return _profile(open_predictions(data), key)


def _profile(packed: Packed, key: ProfileKey) -> PredictionProfile:
    schema = msgspec.msgpack.decode(packed.schema, type=Schema)
    counts = packed.counts.astype(np.int64)
    pieces = np.split(counts, np.cumsum([*schema.sizes, schema.latency_size]))
    head, moments = packed.head.tolist(), packed.moments.tolist()
    fields: dict[str, FieldCounts] = {}
    for position, name in enumerate(schema.names):
        missing, unseen, malformed, nonfinite = head[3 + 4 * position : 7 + 4 * position]
        total, squares, least, greatest = moments[1 + 4 * position : 5 + 4 * position]
        fields[name] = FieldCounts(
            pieces[position],
            missing=missing,
            unseen=unseen,
            malformed=malformed,
            nonfinite=nonfinite,
            total=total,
            squares=squares,
            minimum=None if least != least else least,
            maximum=None if greatest != greatest else greatest,
        )
    scores = pieces[-1].reshape(len(schema.labels), schema.score_size) if schema.labels else ()
    return PredictionProfile(
        key=key,
        n=head[0],
        fields=fields,
        latency=pieces[len(schema.names)],
        latency_total_ns=moments[0],
        failures=head[1],
        errors=packed.errors,
        score_by_label={label: row for label, row in zip(schema.labels, scores, strict=True) if row.any()},
        hours=head[2],
    )


def sum_predictions(packed: Iterable[bytes], key: ProfileKey) -> PredictionProfile | None:
    """The sum of packed profiles of one binning, as arrays; None for none."""
    sums: dict[bytes, Packed] = {}
    for data in packed:
        part = open_predictions(data)
        schema = part.schema[:-1]  # without the item size
        found = sums.get(schema)
        if found is None:
            sums[schema] = Packed(
                part.schema, part.head.copy(), part.counts.astype(np.int64), part.moments.copy(), part.errors
            )
        else:
            _add(found, part)
    total: PredictionProfile | None = None
    for found in sums.values():
        profile = _profile(found, key)
        total = profile if total is None else total + profile
    return total


def _add(found: Packed, part: Packed) -> None:
    found.head += part.head
    found.counts += part.counts
    moments = found.moments
    least, greatest = np.fmin(moments[3::4], part.moments[3::4]), np.fmax(moments[4::4], part.moments[4::4])
    moments += part.moments
    moments[3::4], moments[4::4] = least, greatest
    if part.errors:
        found.errors = {
            name: found.errors.get(name, 0) + part.errors.get(name, 0) for name in {**found.errors, **part.errors}
        }


class _PackedOutcomes(msgspec.Struct, array_like=True):
    numbers: dict[str, float]
    confusion: list[tuple[str, str, int]]
    score: list[tuple[str, str, int, bytes]]
    class_positive: list[tuple[str, int, bytes]] = []
    class_negative: list[tuple[str, int, bytes]] = []


_SUMS: Final = ("log_loss", "brier", "error", "absolute_error", "squared_error", "actual_shift", "actual_total")
_COUNTED: Final = ("n", "scored", "valued", "covered", "relative")
_OUTCOME_NUMBERS: Final = (*_COUNTED, *_SUMS, "actual_squares", "delay_s", "relative_error")


def pack_outcomes(profile: OutcomeProfile) -> bytes:
    """Bytes of an outcome profile: version, flags, then MessagePack of sums, confusion matrix and histograms."""
    packed = _PackedOutcomes(
        numbers={name: getattr(profile, name) for name in _OUTCOME_NUMBERS},
        confusion=[(actual, predicted, count) for (actual, predicted), count in profile.confusion.items()],
        score=[(actual, predicted, *_small(counts)) for (actual, predicted), counts in profile.score.items()],
        class_positive=[(name, *_small(counts)) for name, counts in profile.class_positive.items()],
        class_negative=[(name, *_small(counts)) for name, counts in profile.class_negative.items()],
    )
    return _seal((b"", b"", b"", b""), msgspec.msgpack.encode(packed))


def _small(counts: Ints) -> tuple[int, bytes]:
    size = _item_size(counts)
    return size, counts.astype(_SIZES[size]).tobytes()


def _counts(size: int, data: bytes) -> Ints:
    return np.frombuffer(data, dtype=_SIZES[size]).astype(np.int64)


def unpack_outcomes(data: bytes, key: ProfileKey) -> OutcomeProfile:
    """The profile that `pack_outcomes` packed."""
    packed = msgspec.msgpack.decode(_open(data)[1], type=_PackedOutcomes)
    numbers = {name: int(value) if name in _COUNTED else value for name, value in packed.numbers.items()}
    return OutcomeProfile(
        key=key,
        confusion={(actual, predicted): count for actual, predicted, count in packed.confusion},
        score={(actual, predicted): _counts(size, data) for actual, predicted, size, data in packed.score},
        class_positive={name: _counts(size, data) for name, size, data in packed.class_positive},
        class_negative={name: _counts(size, data) for name, size, data in packed.class_negative},
        **numbers,  # type: ignore[arg-type]
    )
