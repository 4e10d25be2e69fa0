"""Small builders: bins from a reference sample, counts from rows, profiles and references from frames of rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.profile import (
    LATENCY_EDGES_NS,
    FieldCounts,
    OutcomeProfile,
    PredictionProfile,
    ProfileKey,
    Reference,
    ReferenceChunk,
    total,
)
from driftlog.contract.settings import ModelSettings
from driftlog.contract.window import Window
from driftlog.evaluate.context import SeriesContext

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)


@dataclass(frozen=True)
class Build:
    """Builders, as plain functions; the counting is independent of the profile room."""

    start: datetime = START

    def bins(self, reference, size=100, discrete=None):
        x = np.asarray(reference, dtype=float)
        values, counts = np.unique(x, return_counts=True)
        heavy = values[counts > len(x) / size]
        quantiles = np.quantile(x, np.linspace(0, 1, size + 1)[1:-1], method="inverted_cdf")
        edges = np.unique(np.concatenate((quantiles, heavy, np.nextafter(heavy, np.inf))))
        single = [int(np.searchsorted(edges, value, side="right")) for value in heavy]
        coarse = np.minimum(np.arange(edges.size + 1) * 10 // (edges.size + 1), 9)
        return NumericBins(
            edges=tuple(edges.tolist()),
            coarse=tuple(np.unique(coarse, return_inverse=True)[1].tolist()),
            shift=float(x.mean()),
            scale=float(x.std()),
            single=tuple(single),
            discrete=bool(counts.max() > 1) if discrete is None else discrete,
            low=float(np.quantile(x, 0.001)),
            high=float(np.quantile(x, 0.999)),
            minimum=float(x.min()),
            maximum=float(x.max()),
        )

    def count(self, rows, bins):
        x = np.asarray(rows, dtype=float)
        present = x[~np.isnan(x)]
        counts = np.bincount(np.searchsorted(np.asarray(bins.edges), present, side="right"), minlength=bins.size)
        return FieldCounts(
            counts.astype(np.int64),
            missing=int(np.isnan(x).sum()),
            total=float((present - bins.shift).sum()),
            squares=float(sum(min(abs(value), 1e150) ** 2 for value in present - bins.shift)),
            minimum=float(present.min()) if present.size else None,
            maximum=float(present.max()) if present.size else None,
        )

    def categories(self, size):
        return CategoricalBins(tuple(f"c{i}" for i in range(size)))

    def cells(self, counts, unseen=0, missing=0):
        """Counts of the listed categories, none in "other"."""
        return FieldCounts(np.append(np.asarray(counts, dtype=np.int64), 0), unseen=unseen, missing=missing)

    def key(self, window=None):
        return ProfileKey("m", "test", "*", "*", "", "b", window or self.window())

    def window(self, number=0, length=WEEK):
        return Window(START + number * length, START + (number + 1) * length)

    def profile(self, fields, window=None, **rest):
        n = rest.pop("n", max((c.present + c.missing for c in fields.values()), default=0))
        latency = rest.pop("latency", np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64))
        return PredictionProfile(self.key(window), n, fields, latency, **rest)

    def reference(self, chunks, outcomes=(), *, chunk_outcomes=()):
        """A reference of weekly chunks, each a mapping of fields."""
        held = tuple(
            ReferenceChunk(
                self.window(i - len(chunks)),
                self.profile(fields, self.window(i - len(chunks))),
                chunk_outcomes[i] if chunk_outcomes else (),
            )
            for i, fields in enumerate(chunks)
        )
        whole = total(chunk.predictions for chunk in held)
        return Reference(
            id="r",
            model="m",
            environment="test",
            binning_id="b",
            n=whole.n,
            predictions=whole,
            outcomes=tuple(outcomes) or tuple(o for chunk in held for o in chunk.outcomes),
            chunks=held,
            window=Window(held[0].window.start, held[-1].window.end),
        )

    def binning(self, **fields):
        named = {name.replace("__", "."): bins for name, bins in fields.items()}
        return Binning("b", "m", "test", named, START)

    def settings(self, **values):
        return ModelSettings(name="m", environment="test", window=WEEK, **values)

    def context(self, number=0):
        return SeriesContext("m", "test", self.window(number), reference_id="r")

    def outcomes(self, frame, bins=None, *, start=START, by="D"):
        """Outcome profiles of a frame (time in days, actual, predicted, score), one a day."""
        found = []
        for day, rows in frame.groupby(frame.day.astype(int)):
            bucket = Window(start + timedelta(days=int(day)), start + timedelta(days=int(day) + 1))
            confusion, score = {}, {}
            for (actual, predicted), part in rows.groupby(["actual", "predicted"]):
                confusion[(actual, predicted)] = len(part)
                if bins is not None:
                    score[(actual, predicted)] = self.count(part.score, bins).counts
            truth = (rows.actual == "1").to_numpy()
            extra = {}
            if bins is not None:
                s = rows.score.to_numpy()
                clipped = np.clip(s, 1e-15, 1 - 1e-15)
                extra = {
                    "scored": len(rows),
                    "brier": float(((s - truth) ** 2).sum()),
                    "log_loss": float(-np.log(np.where(truth, clipped, 1 - clipped)).sum()),
                }
            found.append(OutcomeProfile(self.key(bucket), len(rows), confusion=confusion, score=score, **extra))
        return found


@pytest.fixture(scope="session")
def build():
    return Build()
