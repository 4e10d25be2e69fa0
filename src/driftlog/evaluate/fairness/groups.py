"""Groups of a protected field: the segments that name one value of it, and what is known of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from driftlog.contract.binning import Binning, CategoricalBins
from driftlog.contract.profile import OutcomeProfile, PredictionProfile
from driftlog.contract.segment import Between, parse_segment
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.sums import ByDay, labels_of, sums_of

LABEL = "prediction.label"
_MORE_THAN_A_DAY = timedelta(hours=25)


@dataclass(frozen=True, slots=True)
class Side:
    """Sums of a group by day, and which days these are.

    `spans_days`: one profile of several days, so that days cannot be told apart.
    """

    sums: ByDay
    days: tuple[date, ...]
    spans_days: bool = False


@dataclass(frozen=True, slots=True)
class Group:
    """One group.

    Attributes
    ----------
    segment, value
        Its segment's name, and the value of the protected field in it.
    n
        Predictions; where they are not known, outcomes.
    outcomes
        None without outcomes.
    predictions
        All predictions with a label, whether or not the truth is known, as a confusion matrix without truth; None where
        labels are not counted.
    """

    segment: str
    value: str
    n: int
    outcomes: Side | None
    predictions: Side | None


def protected_field(name: str) -> str:
    """The dotted field of a name in ``settings.protected``.

    >>> protected_field("gender")
    'features.gender'
    """
    known = ("features.", "prediction.", "labels.", "service.", "host.", "model.")
    return name if name.startswith(known) else f"features.{name}"


def groups_of(
    field: str,
    outcomes: Mapping[str, Sequence[OutcomeProfile]],
    predictions: Mapping[str, Sequence[PredictionProfile]],
    binning: Binning,
    settings: ModelSettings,
) -> list[Group]:
    """The groups of `field` among the segments, in order of their names; crossings with other fields are none."""
    values = {name: _value(name, field) for name in sorted({*outcomes, *predictions})}
    held = [profile for name, value in values.items() if value is not None for profile in outcomes.get(name, ())]
    labels = sorted({*labels_of(held)})
    return [
        _group(name, value, outcomes.get(name, ()), predictions.get(name, ()), labels, binning, settings)
        for name, value in values.items()
        if value is not None
    ]


def _value(segment: str, field: str) -> str | None:
    conditions = parse_segment(segment)
    if set(conditions) != {field}:
        return None
    condition = conditions[field]
    return segment.partition("=")[2] if isinstance(condition, Between) else condition


def _group(
    segment: str,
    value: str,
    outcomes: Sequence[OutcomeProfile],
    predictions: Sequence[PredictionProfile],
    labels: list[str],
    binning: Binning,
    settings: ModelSettings,
) -> Group:
    chosen = [_selections(profile, binning, settings.positive_label) for profile in predictions]
    counted = [profile for profile in chosen if profile is not None and profile.n > 0]
    n = sum(profile.n for profile in predictions) or sum(profile.n for profile in outcomes)
    return Group(
        segment,
        value,
        n,
        _side(outcomes, labels, binning, settings),
        _side(counted, sorted({"", *labels_of(counted)}), binning, settings) if len(counted) == len(chosen) else None,
    )


def _side(
    profiles: Sequence[OutcomeProfile], labels: Sequence[str], binning: Binning, settings: ModelSettings
) -> Side | None:
    days = by_day(profiles, settings.timezone)
    if not days:
        return None
    zone = ZoneInfo(settings.timezone)
    dates = tuple(profile.key.bucket.start.astimezone(zone).date() for profile in days)
    spans = len(days) == 1 and any(profile.key.bucket.length > _MORE_THAN_A_DAY for profile in profiles)
    return Side(ByDay.of(sums_of(days, binning, settings, labels)), dates, spans)


def _selections(profile: PredictionProfile, binning: Binning, positive: str) -> OutcomeProfile | None:
    """Predicted labels as outcomes of which only the prediction is known."""
    bins, counts = binning.fields.get(LABEL), profile.fields.get(LABEL)
    if isinstance(bins, CategoricalBins) and counts is not None:
        chosen = int(counts.counts[bins.values.index(positive)]) if positive in bins.values else 0
        n = counts.present
    elif profile.score_by_label:
        chosen = int(profile.score_by_label[positive].sum()) if positive in profile.score_by_label else 0
        n = sum(int(held.sum()) for held in profile.score_by_label.values())
    else:
        return None
    confusion = {("", positive): chosen, ("", f"not {positive}"): n - chosen}
    return OutcomeProfile(profile.key, n, confusion={pair: count for pair, count in confusion.items() if count})
