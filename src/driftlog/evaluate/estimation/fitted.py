"""What a reference gives to the estimates of all its windows, fitted once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from driftlog.contract.binning import Binning, NumericBins
from driftlog.contract.profile import OutcomeProfile, Reference, total
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.estimation.binary import BinaryEstimator
from driftlog.evaluate.estimation.multiclass import MulticlassEstimator
from driftlog.evaluate.estimation.resampling import REPLICATES, HalfSamples
from driftlog.evaluate.performance.days import by_day
from driftlog.evaluate.performance.intervals import Estimate, estimate
from driftlog.evaluate.performance.metric import PerformanceMetric
from driftlog.evaluate.performance.sums import SCORE, ByDay, OutcomeSums, labels_of, sums_of
from driftlog.evaluate.randomness import seed_of

MOST_CELLS: Final = 120_000
"""Labels x bins x replicates: many labels are resampled less often."""
FEWEST_REPLICATES: Final = 100


@dataclass(slots=True)
class EstimationCache:
    """Fitted references, the latest few; calibrations and row models cost more than their use.

    Give every call of one model the same cache. Nothing in it has to survive a restart.
    """

    most: int = 64
    held: dict[Hashable, Any] = field(default_factory=dict)

    def get(self, key: Hashable) -> Any:
        """What is held, or None."""
        return self.held.get(key)

    def put(self, key: Hashable, value: Any) -> None:
        """Hold `value`; the oldest entry goes where there are too many."""
        self.held.pop(key, None)
        while len(self.held) >= self.most:
            self.held.pop(next(iter(self.held)))
        self.held[key] = value


@dataclass(frozen=True, slots=True)
class FittedClassifier:
    """A reference's outcomes, calibrated.

    Attributes
    ----------
    realised
        The reference's own outcomes, by day.
    chunks
        Those of its chunks, shape (chunks,); None without chunks of enough outcomes.
    known
        Realised values that were computed before.
    """

    estimator: BinaryEstimator | MulticlassEstimator
    realised: ByDay
    chunks: OutcomeSums | None
    known: dict[tuple[str, str], Estimate] = field(default_factory=dict)

    def realised_value(self, metric: PerformanceMetric, of: str, rows: float) -> Estimate:
        """The reference's realised value, of as many `rows` as the window has where the metric is a total."""
        if metric.extensive:
            return estimate(metric, self.realised, rows=rows)
        key = (metric.name, of)
        if key not in self.known:
            self.known[key] = estimate(metric, self.realised)
        return self.known[key]

    @property
    def freedom(self) -> float:
        """Degrees of freedom of what depends on the reference."""
        samples = self.estimator.samples
        return samples.days - 1.0 if samples.clustered else float("inf")


def fit_classifier(
    reference: Reference, binning: Binning, settings: ModelSettings, segment: str = ""
) -> FittedClassifier | str:
    """Calibrate a reference, or say in one sentence why that cannot be done."""
    days = by_day(reference.outcomes, settings.timezone)
    n = sum(day.n for day in days)
    if n < settings.min_rows:
        return f"the reference has fewer than {settings.min_rows} outcomes ({n}) to calibrate on"
    bins = binning.fields.get(SCORE)
    chunks = [whole for chunk in reference.chunks if (whole := total(chunk.outcomes)) and whole.n >= settings.min_rows]
    if settings.task == "binary":
        if not isinstance(bins, NumericBins):
            return "the reference has no score to calibrate"
        both = _two_labels([*days, *chunks], settings.positive_label)
        days, chunks = both[: len(days)], both[len(days) :]
    labels = labels_of([*days, *chunks])
    sums = sums_of(days, binning, settings, labels)
    held = sums_of(chunks, binning, settings, labels) if chunks else None
    cells = len(labels) * (bins.size if isinstance(bins, NumericBins) else 1)
    replicates = max(FEWEST_REPLICATES, min(REPLICATES, MOST_CELLS // max(1, cells)))
    samples = HalfSamples(len(days), seed_of(reference.id, segment, "estimation"), replicates)
    if settings.task == "binary" and isinstance(bins, NumericBins):
        positives, negatives = float(sums.score_positive.sum()), float(sums.score_negative.sum())
        if len(labels) < 2 or min(positives, negatives) == 0:
            return "the reference's scored outcomes are all of one class"
        return FittedClassifier(BinaryEstimator.fit(sums, bins, samples), ByDay.of(sums), held)
    if len(labels) < 2:
        return "the reference's outcomes are all of one class"
    return FittedClassifier(MulticlassEstimator.fit(sums, days, binning, samples), ByDay.of(sums), held)


def _two_labels(profiles: Sequence[OutcomeProfile], positive_label: str) -> list[OutcomeProfile]:
    """The profiles with one label, the most frequent, for everything that is not the positive one."""
    found: Counter[str] = Counter()
    for profile in profiles:
        for (actual, predicted), count in profile.confusion.items():
            found.update({label: count for label in (actual, predicted) if label not in (positive_label, "")})
    if len(found) < 2:
        return list(profiles)
    rest = min(found, key=lambda label: (-found[label], label))

    def merged(cells: Mapping[tuple[str, str], Any]) -> dict[tuple[str, str], Any]:
        sums: dict[tuple[str, str], Any] = {}
        for pair, count in cells.items():
            actual, predicted = (label if label in (positive_label, "") else rest for label in pair)
            sums[actual, predicted] = sums.get((actual, predicted), 0) + count
        return sums

    return [replace(profile, confusion=merged(profile.confusion), score=merged(profile.score)) for profile in profiles]
