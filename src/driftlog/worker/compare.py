"""Compare any two sides of a model: windows, versions, variants, segments, or one of them with a stored reference."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import msgspec

from driftlog.contract.binning import Binning
from driftlog.contract.comparison import ANY, Comparison, Side
from driftlog.contract.errors import ReferenceUnusable, UsageError
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import PredictionProfile, Reference
from driftlog.contract.segment import canonical_segment, parse_segment
from driftlog.contract.settings import ModelSettings
from driftlog.decide.judge import judge
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.chunks import FEWEST_CHUNKS, ChunkCache
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.evaluate.drift.window import drift_measurements
from driftlog.evaluate.operational.window import operational_measurements
from driftlog.evaluate.performance.window import performance_measurements
from driftlog.evaluate.quality.window import quality_measurements
from driftlog.profile.reference import active, list_references, load_binning, load_reference
from driftlog.store.client import Store
from driftlog.worker.nearest import require_data
from driftlog.worker.sides import Counted, chunk_windows, count_side

DRIFT_PURPOSES: Final = ("data_drift", "prediction_drift", "target_drift")
ACTIVE: Final = "active"
DIFFERENCE: Final = "_difference"
HIDDEN: Final = 0.1
"""A measure whose value is uncertain by more than this because of its bins is worth a note."""
FEWEST_ID: Final = 4
"""Characters of a reference's id that name it, where no other begins with them."""


def compare(
    store: Store,
    settings: ModelSettings,
    current: Side,
    reference: Side | str = ACTIVE,
    *,
    methods: Sequence[str] = (),
    now: Callable[[], datetime],
) -> Comparison:
    """Everything that is measured between two sides, judged as if `current` were a window of the worker's.

    Both are counted in the same bins: the model's active ones, or those of a stored reference. A side serves as a
    reference like a stored one; where it is long enough, it is cut into stretches as long as the current window and in
    phase with it, whose differences among themselves say how much is usual. Performance, quality and operation stand
    beside the other side's value; `details` hold ``difference`` and, where both have intervals, its 95 % interval
    (`difference_interval`). p-values take rows as independent.

    Parameters
    ----------
    reference
        Another side, the id of a stored reference (or its beginning), or ``active``.
    methods
        Drift measures to use, by name; empty: those of the settings. Each is measured on the fields it is defined on.

    Raises
    ------
    UsageError
        A side has no data (the remedy names the nearest that has), a method is unknown, a segment cannot be read.
    ReferenceUnusable
        The model has no binning, or there is no such reference.
    """
    methods = check_methods(methods)
    current = _canonical(current)
    if isinstance(reference, str):
        binning, against, side = _stored_reference(store, settings, reference, current)
    else:
        side = _canonical(reference)
        binning, against = active_reference(store, settings)[0], None
    counted = count_side(store, settings, binning, current)
    require_data(store, settings, binning, current, counted.predictions.n)
    notes = []
    if side is not None and against is None:
        chunks = chunk_windows(side.window, current.window, settings.timezone)
        before = count_side(store, settings, binning, side, chunks=chunks if len(chunks) > 1 else ())
        require_data(store, settings, binning, side, before.predictions.n)
        against = as_reference(side, before, settings, binning)
        notes += _notes(current, side, before)
    if against is None:  # pragma: no cover - one of the two gave it
        raise ReferenceUnusable("there is nothing to compare with")
    notes += [_sample_note(current, counted)] if counted.sampled else []
    measured = measure(against, counted, binning, _with_methods(settings, methods), current, now())
    notes += _outside_note(measured)
    wanted = set(methods)
    given = _given_fields(current, side)
    return Comparison(
        model=settings.name,
        environment=settings.environment,
        current=current,
        reference=side,
        measurements=tuple(
            m
            for m in measured
            if m.field not in given and (not wanted or m.purpose not in DRIFT_PURPOSES or m.metric in wanted)
        ),
        binning=binning,
        before=against.predictions,
        now=counted.predictions,
        computed=now(),
        reference_id=against.id if isinstance(reference, str) else "",
        reference_origin=against.origin,
        chunks=len(against.chunks),
        notes=tuple(notes),
    )


def _given_fields(current: Side, reference: Side | None) -> set[str]:
    """Fields that a side fixes to one value: that they differ is no finding."""
    sides = [current] if reference is None else [current, reference]
    conditions = [pair for side in sides for pair in parse_segment(side.segment).items()]
    return {field for field, condition in conditions if isinstance(condition, str)}


def check_methods(methods: Sequence[str]) -> tuple[str, ...]:
    """`methods` without repetition, or `UsageError` with the list of those there are."""
    for name in methods:
        if name not in DRIFT_MEASURES:
            raise UsageError(
                f"{name[:80]!r} is not a drift measure", remedy=f"use one of {', '.join(sorted(DRIFT_MEASURES))}"
            )
    return tuple(dict.fromkeys(methods))


def _canonical(side: Side) -> Side:
    return replace(side, segment=canonical_segment(side.segment)) if side.segment else side


def active_reference(store: Store, settings: ModelSettings) -> tuple[Binning, Reference]:
    """The model's bins and active reference, or `ReferenceUnusable` with the command that sets one."""
    found = active(store, settings.name, settings.environment)
    if found is None:
        raise ReferenceUnusable(
            f"{settings.name} has no bins to count in ({settings.environment}): no reference was ever set",
            remedy=f"driftlog reference set {settings.name} --from 2026-01-01 --to 2026-03-01 (or --file FILE)",
        )
    return found


def _stored_reference(
    store: Store, settings: ModelSettings, name: str, current: Side
) -> tuple[Binning, Reference, Side | None]:
    """The stored reference and its bins; of its part of the current segment, where it keeps one."""
    if name == ACTIVE:
        binning, reference = active_reference(store, settings)
    else:
        reference = load_reference(store, find_reference(store, settings, name))
        binning = load_binning(store, reference.binning_id)
    if current.segment:
        part = reference.segments.get(current.segment)
        if part is None:
            kept = f"it keeps {', '.join(sorted(reference.segments)[:5])}" if reference.segments else "it keeps none"
            raise UsageError(
                f"reference {reference.id[:8]} does not keep the segment {current.segment} apart ({kept})",
                remedy="compare with a stretch of time instead: --reference 2026-01-01/2026-03-01",
            )
        reference = part
    side = None if reference.window is None else Side(reference.window, current.segment)
    return binning, reference, side


def find_reference(store: Store, settings: ModelSettings, name: str) -> str:
    """The id of the model's reference that `name` is, or begins."""
    ids = [info.id for info in list_references(store, settings.name)]
    found = [id for id in ids if id == name or (len(name) >= FEWEST_ID and id.startswith(name))]
    if len(set(found)) == 1:
        return found[0]
    what = f"{len(found)} references begin with {name!r}" if found else f"there is no reference {name[:80]!r}"
    raise ReferenceUnusable(
        f"{what} of {settings.name}", remedy=f"`driftlog reference list {settings.name}` shows those there are"
    )


def as_reference(side: Side, counted: Counted, settings: ModelSettings, binning: Binning) -> Reference:
    """A counted side in the place of a reference."""
    digest = hashlib.blake2b(f"{settings.name}|{side.label()}|{binning.id}".encode(), digest_size=16).hexdigest()
    return Reference(
        id=digest,
        model=settings.name,
        environment=settings.environment,
        binning_id=binning.id,
        n=counted.predictions.n,
        predictions=counted.predictions,
        outcomes=counted.outcomes,
        chunks=counted.chunks,
        window=side.window,
        origin=side.label(),
    )


def _with_methods(settings: ModelSettings, methods: Sequence[str]) -> ModelSettings:
    """Settings that measure drift by `methods`: the first that fits a kind of field is judged."""
    if not methods:
        return settings
    numeric = [name for name in methods if "numeric" in DRIFT_MEASURES[name].kinds]
    categorical = [name for name in methods if "categorical" in DRIFT_MEASURES[name].kinds]
    judged = (
        (numeric or list(settings.drift_measures))[0],
        (categorical or list(settings.drift_measures))[-1 if not categorical else 0],
    )
    return msgspec.structs.replace(settings, drift_measures=judged, report_measures=tuple(methods))


def measure(
    reference: Reference,
    counted: Counted,
    binning: Binning,
    settings: ModelSettings,
    side: Side,
    computed: datetime,
    *,
    cache: ChunkCache | None = None,
) -> list[Measurement]:
    """All families of `counted` against `reference`, with differences, judged."""
    context = SeriesContext(
        model=settings.name,
        environment=settings.environment,
        version=side.version,
        variant=side.variant,
        segment=side.segment,
        window=side.window,
        reference_id=reference.id,
        computed=computed,
    )
    current = counted.predictions
    found = drift_measurements(reference, current, binning, settings, context, cache=cache)
    found += performance_measurements(reference, counted.outcomes, counted.n_outcome_rows, binning, settings, context)
    found += quality_measurements(reference, current, binning, settings, context)
    found += _operation(reference, current, settings, context)
    return with_differences([_judged(m, settings) for m in found])


def _operation(
    reference: Reference, current: PredictionProfile, settings: ModelSettings, context: SeriesContext
) -> list[Measurement]:
    """Traffic, latency and errors, traffic beside that of the other side too."""
    before = reference.predictions
    seconds = before.key.bucket.length.total_seconds() if reference.window is not None else 0.0
    known: dict[str, float] = {"predictions": before.n}
    if seconds:
        known["throughput_per_s"] = before.n / seconds
    return [
        msgspec.structs.replace(m, reference_value=known[m.metric], n_reference=before.n) if m.metric in known else m
        for m in operational_measurements(current, settings, context, reference=reference)
    ]


def _judged(measurement: Measurement, settings: ModelSettings) -> Measurement:
    """Judged by the thresholds of the whole model, whichever segment it is of."""
    judged = judge(msgspec.structs.replace(measurement, segment=""), settings)
    return msgspec.structs.replace(measurement, limit=judged.limit, verdict=judged.verdict)


def with_differences(found: Sequence[Measurement]) -> list[Measurement]:
    """Each with its difference; those of performance take interval and p-value from ``<metric>_difference``.

    That measurement knows by how much days differ, which the intervals of the two sides alone do not; it is folded
    into its metric.
    """
    tested = {m.metric.removesuffix(DIFFERENCE): m for m in found if _is_difference(m)}
    return [_folded(with_difference(m), tested) for m in found if not _is_difference(m)]


def _is_difference(m: Measurement) -> bool:
    return m.purpose == "concept_drift" and m.metric.endswith(DIFFERENCE)


def _folded(m: Measurement, tested: Mapping[str, Measurement]) -> Measurement:
    better = tested.get(m.metric) if m.purpose == "performance" and not m.field else None
    if better is None or better.value is None:
        return m
    numbers = {
        "difference": better.value,
        "difference_lower": better.lower,
        "difference_upper": better.upper,
        "difference_p_value": better.p_value,
    }
    details = {**m.details, **{name: number for name, number in numbers.items() if number is not None}}
    return msgspec.structs.replace(m, details=details)


def with_difference(m: Measurement) -> Measurement:
    """`m` with ``difference`` and, where both values have intervals, ``difference_lower`` and ``difference_upper``."""
    if m.value is None or m.reference_value is None or m.purpose in DRIFT_PURPOSES:
        return m
    details: dict[str, float] = {**m.details, "difference": m.value - m.reference_value}
    before = details.get("reference_lower"), details.get("reference_upper")
    if None not in (m.lower, m.upper, *before):
        low, high = difference_interval((m.reference_value, *before), (m.value, m.lower, m.upper))
        details |= {"difference_lower": low, "difference_upper": high}
    return msgspec.structs.replace(m, details=details)


def difference_interval(before: tuple[Any, Any, Any], now: tuple[Any, Any, Any]) -> tuple[float, float]:
    """95 % interval of ``now - before`` from (value, lower, upper) of each, the two taken as independent.

    ``d - sqrt((v - l)^2 + (U - V)^2)`` to ``d + sqrt((u - v)^2 + (V - L)^2)``, capitals before: it keeps the two
    intervals' skewness, where adding variances would not.

    Source: Zou and Donner, "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008.

    >>> [round(end, 3) for end in difference_interval((0.5, 0.4, 0.6), (0.8, 0.7, 0.85))]
    [0.159, 0.412]
    """
    (v0, l0, u0), (v1, l1, u1) = before, now
    difference = v1 - v0
    return difference - math.hypot(v1 - l1, u0 - v0), difference + math.hypot(u1 - v1, v0 - l0)


def _notes(current: Side, reference: Side, before: Counted) -> list[str]:
    notes = []
    if current.window.overlaps(reference.window) and _may_share(current, reference):
        notes.append("The two sides share events: what differs between them is understated.")
    if len(before.chunks) < FEWEST_CHUNKS:
        notes.append(
            f"The other side holds {len(before.chunks)} stretches as long as the current window; 8 would tell how much "
            "is usual. Drift is judged by i.i.d. p-values, a warning at most."
        )
    if before.sampled:
        notes.append(_sample_note(reference, before))
    return notes


def _may_share(a: Side, b: Side) -> bool:
    """Whether an event may belong to both: no condition of one excludes the other's."""
    pairs = ((a.version, b.version), (a.variant, b.variant))
    if any(x != y and ANY not in (x, y) for x, y in pairs):
        return False
    ours, theirs = parse_segment(a.segment), parse_segment(b.segment)
    words = ((ours[field], theirs[field]) for field in ours.keys() & theirs.keys())
    return not any(isinstance(x, str) and isinstance(y, str) and x != y for x, y in words)


def _outside_note(measured: Sequence[Measurement]) -> list[str]:
    """Fields whose values lie so far from the binning's reference that one open bin holds many of them."""
    fields = [m.field for m in measured if m.metric == "kolmogorov_smirnov" and m.details.get("bound", 0.0) > HIDDEN]
    if not fields:
        return []
    names = ", ".join(field.removeprefix("features.") for field in dict.fromkeys(fields))
    return [
        f"Many values of {names} lie beyond the last bin of the model's binning, where differences cannot be seen. A "
        "newer reference brings newer bins."
    ]


def _sample_note(side: Side, counted: Counted) -> str:
    return (
        f"The performance of {side.segment} is that of a random sample of {counted.n_outcome_rows:,} of its "
        f"{counted.predictions.n:,} predictions: its outcomes are not counted apart."
    )
