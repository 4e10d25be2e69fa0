"""Prediction events as the product stores them, for measuring their size: real flights, made tables."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

START: Final = datetime(2026, 3, 1, tzinfo=UTC)
SPAN: Final = timedelta(days=30)
_WORDS: Final = ["basic", "plus", "pro", "family", "student"]


def flights(n: int) -> list[dict[str, Any]]:
    """Features of `n` real flights, spread over nine months: 11 numbers, 3 categories."""
    from driftlog.demo.data import FEATURES, live_part, load_flights

    part = live_part(load_flights(), n)
    rows: list[dict[str, Any]] = (
        part[list(FEATURES)].astype(object).where(part[list(FEATURES)].notna(), None).to_dict("records")
    )
    return rows


def mixed(n: int, features: int, seed: int = 1) -> list[dict[str, Any]]:
    """Features of `n` made rows, of every five: a standardised number with all its digits, an amount with two
    decimals, a whole number, a number that is mostly zero and sometimes absent, and a category.

    Categories have 3 to 1,000 values, frequent and rare ones.
    """
    rng = np.random.default_rng(seed)
    columns: dict[str, list[Any]] = {}
    for number in range(features):
        kind, name = number % 5, f"feature_{number:03}"
        if kind == 0:
            columns[name] = rng.normal(size=n).tolist()
        elif kind == 1:
            columns[name] = np.round(rng.lognormal(3, 1, n), 2).tolist()
        elif kind == 2:
            columns[name] = rng.poisson(40, n).tolist()
        elif kind == 3:
            values = np.where(rng.random(n) < 0.7, 0.0, np.round(rng.exponential(10, n), 1))
            absent = (rng.random(n) < 0.05).tolist()
            columns[name] = [None if gone else value for gone, value in zip(absent, values.tolist(), strict=True)]
        else:
            many = (3, 30, 200, 1000)[number // 5 % 4]
            codes = np.minimum(rng.geometric(min(0.4, 8 / many), n), many) - 1
            columns[name] = [_WORDS[code] if many == 3 else f"value-{code}" for code in codes.tolist()]
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def events(rows: list[dict[str, Any]], *, model: str, seed: int = 2) -> Iterator[tuple[str, dict[str, Any]]]:
    """(id, document) of each row, with the fields that shipper and intake add, at random moments in order."""
    chance = random.Random(seed)
    moments = sorted(chance.random() for _ in rows)
    for row, moment in zip(rows, moments, strict=True):
        at = START + moment * SPAN
        id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        score = chance.betavariate(2, 6)
        yield (
            id,
            {
                "features": row,
                "prediction": {"task": "binary", "label": "late" if score >= 0.5 else "on_time", "score": score},
                "@timestamp": text(at),
                "event": {
                    "hash": f"{chance.getrandbits(128):032x}",
                    "id": id,
                    "dataset": "driftlog.prediction",
                    "duration": chance.randrange(900_000, 9_000_000),
                    "outcome": "success",
                    "ingested": text(at + timedelta(seconds=chance.random() * 3)),
                },
                "service": {"name": "scoring", "version": "2026.3", "environment": "production"},
                "host": {"name": f"node-{chance.randrange(4)}"},
                "process": {"pid": 4711, "name": "app.py"},
                "model": {"name": model, "version": "2026-02-14"},
                "driftlog": {"shipper": "0.6.0", "source": "http"},
            },
        )


def text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
