"""Binnings from reference rows: which fields are counted, and in which bins."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from driftlog.contract.binning import Binning, CategoricalBins, FieldBins, NumericBins
from driftlog.contract.errors import DriftlogError, ReferenceUnusable
from driftlog.contract.names import check_feature_name
from driftlog.contract.settings import ModelSettings
from driftlog.profile.columns import is_numeric, read_categorical, read_numeric
from driftlog.profile.edges import BINS, numeric_bins, score_bins
from driftlog.profile.segmentation import frame_segments

if TYPE_CHECKING:
    import pandas as pd

    Frame = pd.DataFrame

log = logging.getLogger("driftlog.profile")

TOP_VALUES: Final = 200
OTHER_VALUES: Final = 10_000
FEATURES: Final = "features."
SCORE, LABEL, VALUE = "prediction.score", "prediction.label", "prediction.value"
PREDICTION_FIELDS: Final = (SCORE, LABEL, VALUE)
PROBABILITIES, ATTRIBUTIONS = "prediction.probabilities.", "prediction.attributions."
CLASSES: Final = 30
"""Classes whose probabilities are counted."""


def build_binning(frame: pd.DataFrame, settings: ModelSettings, *, created: datetime) -> Binning:
    """Bins of a model's fields from reference rows.

    Parameters
    ----------
    frame
        Columns are dotted field names of the stored events: ``features.x``, ``prediction.score``, ``prediction.label``,
        ``prediction.value``, ``prediction.probabilities.<class>`` (multiclass), ``prediction.attributions.<feature>``.
        Others are ignored, unless segments are made of them.
    settings
        `features` picks features (all when empty), `categorical` declares numbers categorical,
        `decision_threshold` becomes an edge of the score, `segments` are counted apart.

    Numeric columns (and those whose text is mostly numbers) get quantile bins, strings and booleans categories: the 200
    most frequent values, then up to 10,000 values counted together as "other". Columns without a usable value are
    left out with a logged warning; `skipped_columns` lists them.

    Raises
    ------
    ReferenceUnusable
        No rows, no usable column, or a feature named in the settings that is not there.
    ConfigError
        A segmentation by a field that is not there.

    >>> import pandas as pd

    >>> frame = pd.DataFrame({"features.a": [1.0, 2.0], "features.b": ["x", "y"]})
    >>> list(build_binning(frame, ModelSettings(name="m"), created=datetime(2026, 3, 3, tzinfo=UTC)).fields)
    ['features.a', 'features.b']
    """
    if frame.empty:
        raise ReferenceUnusable("the reference has no rows", remedy="give a file or a window with predictions")
    fields: dict[str, FieldBins] = {}
    for name in watched_columns(frame, settings):
        bins = _bins_of(name, frame[name], settings)
        if bins is None:
            log.warning("%s: no usable value in %d reference rows; the column is left out", name, len(frame))
        else:
            fields[name] = bins
    if not fields:
        raise ReferenceUnusable(
            f"none of the columns can be counted: {', '.join(map(str, frame.columns[:10]))}",
            remedy="name columns features.<name>, prediction.score, prediction.label or prediction.value",
        )
    return make_binning(settings, fields, created, frame_segments(frame, settings))


def make_binning(
    settings: ModelSettings, fields: Mapping[str, FieldBins], created: datetime, segments: Sequence[str] = ()
) -> Binning:
    """A binning whose id is the digest of its content: other bins or other segments, another id."""
    ordered = {name: fields[name] for name in sorted(fields)}
    content: tuple[object, ...] = (settings.name, settings.environment, ordered)
    digest = hashlib.blake2b(msgspec.json.encode((*content, segments) if segments else content), digest_size=16)
    return Binning(
        id=digest.hexdigest(),
        model=settings.name,
        environment=settings.environment,
        fields=ordered,
        created=created,
        segments=tuple(segments),
    )


def bare_binning(settings: ModelSettings) -> Binning:
    """Bins of a model that has no reference yet: equal-width score bins for classifiers, nothing else.

    Throughput, latency, errors and the performance of a classifier can be counted from the first event on.

    >>> list(bare_binning(ModelSettings(name="m")).fields)
    ['prediction.score']
    """
    fields: dict[str, FieldBins] = {}
    if settings.task != "regression":
        edges = sorted({step / BINS for step in range(1, BINS)} | {settings.decision_threshold})
        coarse = tuple(min(9, index * 10 // (len(edges) + 1)) for index in range(len(edges) + 1))
        fields[SCORE] = NumericBins(edges=tuple(edges), coarse=coarse, shift=0.5, scale=0.29)
    return make_binning(settings, fields, datetime(1970, 1, 1, tzinfo=UTC))


def watched_columns(frame: pd.DataFrame, settings: ModelSettings) -> list[str]:
    """Columns of `frame` that are counted, in order.

    Features (of text features the numbers derived from them, not the text), then ``prediction.score``, ``label``,
    ``value``; for multiclass models ``prediction.probabilities.*`` of up to 30 classes, the most frequent first;
    ``prediction.attributions.*`` of the features watched.
    """
    columns = [str(column) for column in frame.columns]
    twice = [name for name, count in Counter(columns).items() if count > 1]
    if twice:
        raise ReferenceUnusable(f"column {twice[0]!r} occurs twice", remedy="rename or drop one of the two")
    present = [name for name in columns if name.startswith(FEATURES)]
    for name in present:
        check_feature_name(name.removeprefix(FEATURES), where=name)
    wanted = feature_fields(settings.features)
    texts = {FEATURES + name.removeprefix(FEATURES) for name in settings.text}
    derived = [name for name in present if name.rpartition(".")[0] in texts & set(wanted)]
    absent = [name for name in wanted if name not in present and not any(d.startswith(f"{name}.") for d in derived)]
    if absent:
        raise ReferenceUnusable(
            f"{absent[0]} is watched by the settings of {settings.name} but not in the reference",
            remedy=f"its features are: {', '.join(present[:20]) or 'none'}",
        )
    features = [name for name in (wanted or present) if name not in texts]
    features += [name for name in derived if name not in features]
    attributed = [name for name in columns if name.startswith(ATTRIBUTIONS)]
    if wanted:
        watched = {ATTRIBUTIONS + name.removeprefix(FEATURES) for name in wanted}
        attributed = [name for name in attributed if name in watched]
    predicted = [name for name in PREDICTION_FIELDS if name in columns]
    return [*features, *predicted, *_class_columns(frame, settings), *attributed]


def _class_columns(frame: pd.DataFrame, settings: ModelSettings) -> list[str]:
    """Columns of class probabilities: at most 30, those of the most frequent labels first, then by name."""
    names = [str(column) for column in frame.columns if str(column).startswith(PROBABILITIES)]
    names = [name for name in names if name != PROBABILITIES]
    if settings.task != "multiclass" or len(names) <= CLASSES:
        return sorted(names) if settings.task == "multiclass" else []
    labels = read_categorical(frame[LABEL]) if LABEL in frame else None
    counts = dict(zip(labels.names, labels.counts.tolist(), strict=True)) if labels else {}
    ranked = sorted(names, key=lambda name: (-counts.get(name.removeprefix(PROBABILITIES), 0), name))
    log.warning("%s: %d classes have probabilities; %d of them are counted", settings.name, len(names), CLASSES)
    return sorted(ranked[:CLASSES])


def feature_fields(names: Iterable[str]) -> list[str]:
    """Dotted field names of feature names, which may carry the prefix already."""
    return [name if name.startswith(FEATURES) else FEATURES + name for name in names]


def skipped_columns(frame: pd.DataFrame, binning: Binning, settings: ModelSettings) -> list[str]:
    """Watched columns of `frame` that `binning` leaves out, because they have no usable value."""
    return [name for name in watched_columns(frame, settings) if name not in binning.fields]


def _bins_of(name: str, series: pd.Series[Any], settings: ModelSettings) -> FieldBins | None:
    try:
        if name == LABEL:
            return categorical_bins(series)
        if name in feature_fields(settings.categorical):
            return categorical_bins(series, numeric=is_numeric(series))
        if name in (SCORE, VALUE) or name.startswith((PROBABILITIES, ATTRIBUTIONS)) or is_numeric(series):
            values = read_numeric(series).values
            if not len(values):
                return None
            if name.startswith(PROBABILITIES):
                return score_bins(values, ())
            return score_bins(values, [settings.decision_threshold]) if name == SCORE else numeric_bins(values)
        return categorical_bins(series)
    except DriftlogError:
        raise
    except (ValueError, TypeError, OverflowError) as error:
        raise ReferenceUnusable(f"{name}: cannot be counted: {error}", remedy="drop or convert the column") from error


def categorical_bins(series: pd.Series[Any], *, numeric: bool = False) -> CategoricalBins | None:
    """Categories of a column, most frequent first (equal counts by name); None where it has no usable value."""
    column = read_categorical(series, numeric=numeric)
    return category_bins(dict(zip(column.names, column.counts.tolist(), strict=True)), numeric=numeric)


def category_bins(counts: Mapping[str, int], *, numeric: bool = False) -> CategoricalBins | None:
    """Categories by their counts."""
    if not counts:
        return None
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    values, others = ranked[:TOP_VALUES], ranked[TOP_VALUES : TOP_VALUES + OTHER_VALUES]
    if len(ranked) > TOP_VALUES + OTHER_VALUES:
        log.warning("%d distinct categories: those beyond %d count as unseen", len(ranked), TOP_VALUES + OTHER_VALUES)
    return CategoricalBins(values=tuple(values), other_values=tuple(sorted(others)), numeric=numeric)
