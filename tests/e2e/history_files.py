# ruff: noqa: E501 - settings in YAML have long lines
"""History of three models as a user has it: CSV files with what is wrong in them known.

Sixty days from `START`. The reference is days 0 to 30; what is planted is told by `weak`, `SHIFT_DAY`, `CONCEPT_DAY`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

START: Final = datetime(2025, 3, 3, tzinfo=UTC)
DAYS: Final = 60
CONCEPT_DAY: Final = 45
"""From here on the truth no longer follows the score."""
SHIFT_DAY: Final = 35
SHIFT_DAYS: Final = 5
"""`usage` is higher in the five days from `SHIFT_DAY`."""
WORDS: Final = ("good", "slow", "late", "bill", "phone", "thanks", "again", "support", "never", "works")


def day(number: int) -> str:
    return f"{START + timedelta(days=number):%Y-%m-%d}"


def _times(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Days since `START`, in order, and the times as text."""
    days = np.sort(rng.uniform(0, DAYS, n))
    return days, np.array([(START + timedelta(days=float(d))).isoformat(timespec="milliseconds") for d in days])


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def write_churn(folder: Path, n: int, *, seed: int = 1) -> None:
    """``churn.csv`` and ``truth.csv``: binary, with all that a prediction can carry; the truth comes 12 hours later.

    Planted: `usage` shifted for five days; the scores of country FR say nothing; plan `basic` is predicted to churn
    more often; after `CONCEPT_DAY` a third of the truths is the wrong way round; variant B knows more than A.
    """
    rng = np.random.default_rng(seed)
    days, times = _times(rng, n)
    plan = rng.choice(["basic", "plus", "pro"], n, p=[0.5, 0.3, 0.2])
    country = rng.choice(["DE", "FR", "IT", "ES"], n, p=[0.4, 0.25, 0.2, 0.15])
    subject = rng.integers(0, n // 4, n)
    variant = np.where(subject % 2 == 0, "A", "B")
    x = rng.normal(size=(6, n))
    signal = 1.2 * x[0] - 1.0 * x[1] + 0.8 * x[2] + np.where(plan == "basic", 0.8, -0.6)
    shown = signal + np.where(variant == "A", 2.0, 0.2) * rng.normal(size=n)
    shown = np.where(country == "FR", rng.permutation(shown), shown)
    truth = rng.random(n) < _sigmoid(2.0 * signal)
    truth = np.where((days >= CONCEPT_DAY) & (rng.random(n) < 0.35), ~truth, truth)
    score = _sigmoid(1.3 * shown)
    usage = 10 + 3 * x[2] + np.where((days >= SHIFT_DAY) & (days < SHIFT_DAY + SHIFT_DAYS), 6.0, 0.0)
    income = np.where(rng.random(n) < 0.05, np.nan, 2000 + 400 * x[1])
    pd.DataFrame(
        {
            "request": [f"r{i}" for i in range(n)],
            "when": times,
            "age": (40 + 10 * x[0]).round(2),
            "income": income.round(1),
            "usage": usage.round(3),
            "tenure": rng.exponential(24, n).round(2),
            "calls": rng.poisson(2, n),
            "balance": (50 * x[5]).round(2),
            "plan": plan,
            "country": country,
            "channel": rng.choice(["web", "shop", "phone"], n),
            "comment": [" ".join(rng.choice(WORDS, k)) for k in rng.integers(1, 8, n)],
            "answer": np.where(score >= 0.5, "yes", "no"),
            "p": score.round(4),
            "prediction.attributions.age": (0.3 * x[0]).round(4),
            "prediction.attributions.usage": (0.2 * x[2] + np.where(usage > 16, 1.0, 0.0)).round(4),
            "customer": [f"s{i}" for i in subject],
            "arm": variant,
            "release": np.where(rng.random(n) < 0.5, "1.0", "1.1"),
        }
    ).to_csv(folder / "churn.csv", index=False)
    labelled = rng.random(n) < 0.95
    known = [(START + timedelta(days=float(d) + 0.5)).isoformat(timespec="seconds") for d in days]
    pd.DataFrame({"request": [f"r{i}" for i in range(n)], "known": known, "churned": np.where(truth, "yes", "no")})[
        labelled
    ].to_csv(folder / "truth.csv", index=False)


def write_topics(folder: Path, n: int, *, seed: int = 2) -> None:
    """``topics.csv``: three classes with their probabilities; from `CONCEPT_DAY` on the truth is drawn anew for half.

    ``topics_reference.csv`` has the first thirty days with the names of a reference.
    """
    rng = np.random.default_rng(seed)
    days, times = _times(rng, n)
    length, age, tone = rng.normal(size=(3, n))
    logits = np.stack([1.5 * length, 1.5 * age, 1.5 * tone], axis=1)
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = np.array(["bill", "fault", "other"])
    truth = np.array([rng.choice(3, p=row) for row in p])
    truth = np.where((days >= CONCEPT_DAY) & (rng.random(n) < 0.5), rng.integers(0, 3, n), truth)
    frame = pd.DataFrame(
        {
            "when": times,
            "length": (100 + 30 * length).round(2),
            "age": age.round(3),
            "tone": (tone + np.where((days >= SHIFT_DAY) & (days < SHIFT_DAY + SHIFT_DAYS), 1.5, 0)).round(3),
            "region": rng.choice(["north", "south"], n),
            "answer": names[p.argmax(axis=1)],
            **{f"prediction.probabilities.{name}": p[:, i].round(5) for i, name in enumerate(names)},
            "topic": names[truth],
        }
    )
    frame.to_csv(folder / "topics.csv", index=False)
    frame[days < 30].to_csv(folder / "topics_reference.csv", index=False)


def write_delay(folder: Path, n: int, *, seed: int = 3) -> None:
    """``delay.csv``: a regression that predicts the 0.8 quantile; from `CONCEPT_DAY` on the error is three times wider.

    Two features swap their correlation for `SHIFT_DAYS` days, which no single feature shows. The error is wider where
    `load` is high, so that it can be estimated.
    """
    rng = np.random.default_rng(seed)
    days, times = _times(rng, n)
    distance, load, wind = rng.normal(size=(3, n))
    swap = (days >= SHIFT_DAY) & (days < SHIFT_DAY + SHIFT_DAYS)
    wind = np.where(swap, -0.9, 0.9) * distance + 0.3 * wind
    spread = np.exp(0.5 * load)
    mean = 20 + 5 * distance + 2 * load
    truth = mean + spread * rng.normal(size=n) * np.where(days >= CONCEPT_DAY, 3.0, 1.0)
    frame = pd.DataFrame(
        {
            "when": times,
            "distance": distance.round(4),
            "load": load.round(4),
            "wind": wind.round(4),
            "carrier": rng.choice(["UA", "AA", "DL"], n),
            "expected": (mean + 0.8416 * spread).round(3),
            "minutes": truth.round(3),
        }
    )
    frame.to_csv(folder / "delay.csv", index=False)
    frame[days < 30].to_csv(folder / "delay_reference.csv", index=False)


SCORING: Final = '''
"""Functions a user keeps beside the configuration."""
import numpy as np


def young(frame):
    """Share of rows below 30."""
    return float((frame["features.age"] < 30).mean())


def yes_share(profile, outcomes):
    counts = profile.fields["prediction.label"].counts
    return float(counts.sum() and counts.max() / counts.sum())


def churn(frame):
    """A model: the score from three features."""
    usage = frame["features.usage"].astype(float).fillna(10)
    return 1 / (1 + np.exp(-((frame["features.age"].astype(float) - 40) / 10 + (usage - 10) / 5)))
'''

SETTINGS: Final = """
prefix: {prefix}
elasticsearch: {{urls: ['{url}']}}
models:
  churn:
    environment: test
    positive_label: 'yes'
    bucket: 1d
    window: 5d
    look_back: 4000d
    segments: [plan, country, [plan, country]]
    min_segment_rows: 50
    protected: [plan]
    text: [comment]
    business_unit: EUR
    business_value:
      - {{actual: 'yes', predicted: 'yes', value: 10}}
      - {{actual: 'no', predicted: 'yes', value: -2}}
    experiments:
      - {{name: arms, control: A, treatments: [B], target: accuracy, start: '{start}', end: '{end}', minimum_effect: 0.05}}
    cost: {{currency: EUR, cpu_hour: 0.05, gpu_hour: 1.0}}
    metrics: &metrics
      - {{name: young_share, over: frame, function: 'scoring:young'}}
      - {{name: largest_class, over: profile, function: 'scoring:yes_share'}}
      - {{name: old_age, over: aggregation, aggregation: '{{"oldest": {{"max": {{"field": "features.age"}}}}}}', path: oldest.value}}
  topics:
    environment: test
    task: multiclass
    bucket: 1d
    window: 5d
    look_back: 4000d
    cost: {{cpu_hour: 0.05}}
    metrics: *metrics
  delay:
    environment: test
    task: regression
    bucket: 1d
    window: 5d
    look_back: 4000d
    quantile: 0.8
    joint_measures: [domain_classifier_auc, pca_reconstruction]
    cost: {{cpu_hour: 0.05}}
    metrics:
      - {{name: far, over: aggregation, aggregation: '{{"far": {{"filter": {{"range": {{"features.distance": {{"gt": 1}}}}}}}}}}', path: far.doc_count}}
"""


def write_project(folder: Path, *, url: str, prefix: str) -> None:
    """``driftlog.yml`` and ``scoring.py``."""
    text = SETTINGS.format(prefix=prefix, url=url, start=day(30), end=day(60))
    (folder / "driftlog.yml").write_text(text)
    (folder / "scoring.py").write_text(SCORING)
