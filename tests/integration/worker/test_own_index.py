"""The same predictions in driftlog's index and in a user's own, under other names and types, measure the same."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.contract.errors import ConfigError, StoreRejected
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.source import FieldSource, SourceSettings
from driftlog.contract.window import Window
from driftlog.profile.reference import save
from driftlog.profile.reference_window import reference_from_window
from driftlog.store.client import Store
from driftlog.store.mapped import MappedStore, open_store
from driftlog.store.mapped_check import check_source
from driftlog.store.models import register
from driftlog.store.predictions import find_predictions
from driftlog.store.results import find_measurements
from driftlog.store.templates import install
from driftlog.store.values import BulkAction
from driftlog.worker.cycle import run_cycle

pytestmark = pytest.mark.elasticsearch

START = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
ROWS = 96
REFERENCE_DAYS = 4
OWN = ModelSettings(
    name="credit",
    positive_label="1",
    segments=(("plan",),),
    min_segment_rows=10,
    min_rows=10,
    bucket=timedelta(hours=3),
    look_back=timedelta(days=1),
    report_measures=("population_stability_index",),
)
FIELDS = {
    "@timestamp": "ts",
    "event.ingested": "received",
    "event.id": "request.id",
    "error.type": "failure",
    "model.version": "model.build",
    "prediction.score": "model.out.p",
    "prediction.label": "model.out.cls",
    "features.*": "req.body.*",
    "features.channel": "meta.channel",
}
"""driftlog's field: the user's."""
LINES = (
    *(FieldSource(name=name, path=path) for name, path in FIELDS.items()),
    FieldSource(name="features.amount", path="req.body.amount", type="number"),
    FieldSource(name="event.duration", path="took", unit="ms"),
    FieldSource(name="event.outcome", path="status", failure=(">=500",)),
)
WORD = {"type": "keyword"}
MARCH: dict[str, Any] = {
    "ts": {"type": "date", "format": "yyyy-MM-dd HH:mm:ss.SSS"},
    "received": {"type": "date"},
    "route": WORD,
    "took": {"type": "float"},
    "status": {"type": "short"},
    "request": {"properties": {"id": WORD}},
    "meta": {"type": "flattened"},
    "model": {"properties": {"build": {"type": "integer"}, "out": {"properties": {"cls": {"type": "byte"}}}}},
}
FEBRUARY: dict[str, Any] = MARCH | {
    "status": WORD,
    "model": {"properties": {"build": WORD, "out": {"properties": {"cls": WORD, "p": {"type": "double"}}}}},
    "req": {
        "properties": {
            "body": {
                "properties": {
                    "amount": {"type": "text"},
                    "plan": WORD,
                    "member": {"type": "boolean"},
                    "age": {"type": "text", "fields": {"keyword": WORD}},
                }
            }
        }
    },
}
"""Another team's template: numbers as text, whole numbers as words."""


@dataclass
class Sides:
    """The same model twice: in driftlog's own index, and in a user's."""

    own: Store
    mapped: Store
    theirs: ModelSettings
    index: str

    def send(self, day: int, rows: list[dict[str, Any]]) -> None:
        """The same rows to both."""
        report = self.own.bulk([self._event(row) for row in rows], refresh=True)
        assert not report.failures, report.failures[:2]
        name = f"{self.index}{'2026.02' if day < 0 else '2026.03'}"
        lines = [BulkAction("index", name, f"log-{row['id']}", their_document(row, day), None) for row in rows]
        noise = BulkAction("index", name, f"health-{rows[0]['id']}", {"route": "/health", "status": 500}, None)
        report = self.own.bulk([*lines, noise], refresh=True)
        assert not report.failures, report.failures[:2]

    def _event(self, row: dict[str, Any]) -> BulkAction:
        failed = row["status"] >= 500
        document = {
            "@timestamp": row["at"].isoformat(),
            "event": {
                "id": row["id"],
                "dataset": "driftlog.prediction",
                "ingested": row["received"].isoformat(),
                "duration": round(row["took"] * 1e6),
                "outcome": "failure" if failed else "success",
            },
            "model": {"name": "credit", "version": "7"},
            "features": row["features"] | {"channel": row["channel"]},
            "prediction": {"task": "binary"} | ({} if failed else {"score": row["score"], "label": str(row["label"])}),
        }
        if failed:
            document["error"] = {"type": "ValueError"}
        return BulkAction("create", self.own.names.predictions("credit", row["at"]), row["id"], document, None)

    def truth(self, rows: list[dict[str, Any]]) -> None:
        """The same labels to both."""
        for store in (self.own, self.mapped):
            report = store.bulk([_label(store, row) for row in rows], refresh=True)
            assert not report.failures

    def cycle(self, day: int, *, verify: bool = False) -> tuple[RunRecord, RunRecord]:
        """One cycle each."""
        one, other = (
            run_cycle(
                store,
                settings,
                as_of=START + day * DAY,
                worker_id="w",
                term=1,
                now=lambda: START + day * DAY,
                verify=verify,
            )
            for store, settings in ((self.own, OWN), (self.mapped, self.theirs))
        )
        assert (one.status, other.status) == ("ok", "ok"), (one.error, other.error)
        return one, other

    def measured(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """What was measured of each, by series and window."""
        self.own.refresh(self.own.names.every("results"))
        self.mapped.refresh(self.mapped.names.every("results"))
        one, other = (
            {_series(m): m for m in find_measurements(store, "credit", segment=None, size=10_000)}
            for store in (self.own, self.mapped)
        )
        return one, other


def _series(m: Measurement) -> Any:
    return m.metric, m.field, m.segment, m.version, m.purpose, m.method, m.window.label()


def their_document(row: dict[str, Any], day: int) -> dict[str, Any]:
    """The row as an application of theirs logs it: nested in March, with dots and as words in February."""
    failed, march = row["status"] >= 500, day >= 0
    body = row["features"] if march else row["features"] | {"amount": str(row["features"]["amount"])}
    build: Any = 7 if march else "7"
    document: dict[str, Any] = {
        "ts": row["at"].strftime("%Y-%m-%d %H:%M:%S.%f")[:-3],
        "received": row["received"].isoformat(),
        "route": "/predict",
        "took": row["took"],
        "status": row["status"] if march else str(row["status"]),
        "request": {"id": row["id"]},
        "meta": {"channel": row["channel"]},
        "model": {"build": build},
    }
    if not failed:
        document["model"]["out"] = {"p": row["score"], "cls": row["label"] if march else str(row["label"])}
    else:
        document["failure"] = "ValueError"
    return document | ({"req": {"body": body}} if march else {f"req.body.{name}": v for name, v in body.items()})


def _label(store: Store, row: dict[str, Any]) -> BulkAction:
    known = row["at"] + timedelta(hours=5)
    document = {
        "@timestamp": known.isoformat(),
        "event": {"id": f"f-{row['id']}", "dataset": "driftlog.feedback", "ingested": known.isoformat()},
        "model": {"name": "credit"},
        "feedback": {"prediction_id": row["id"], "actual": row["actual"]},
    }
    return BulkAction("create", store.names.monthly("feedback", known), f"f-{row['id']}", document, None)


def rows_of(day: int, *, n: int = ROWS, shift: float = 0.0, tag: str = "") -> list[dict[str, Any]]:
    """A day of calls."""
    rng = np.random.default_rng(day + 100 + 1000 * len(tag))
    found = []
    for i in range(n):
        at = START + day * DAY + (DAY * i / n)
        at = at.replace(microsecond=at.microsecond // 1000 * 1000)
        score = round(float(rng.uniform()), 6)
        features: dict[str, Any] = {
            "amount": round(float(rng.normal(100 + shift, 10)), 3),
            "plan": str(rng.choice(["basic", "plus"])),
            "member": bool(rng.integers(2)),
        }
        if rng.uniform() < 0.9:
            features["age"] = int(rng.integers(18, 90))
        found.append(
            {
                "id": f"{tag}{day}-{i}",
                "at": at,
                "received": at + timedelta(seconds=2),
                "took": float(rng.integers(1, 400)),
                "status": 500 if rng.uniform() < 0.05 else 200,
                "features": features,
                "channel": str(rng.choice(["web", "app"])),
                "score": score,
                "label": int(score >= 0.5),
                "actual": str(int(rng.uniform() < score)),
            }
        )
    return found


@pytest.fixture
def sides(elasticsearch_url: str, prefix: str) -> Iterator[Sides]:
    settings = ElasticsearchSettings(urls=(elasticsearch_url,))
    index = f"{prefix}-flask-"
    source = SourceSettings(index=f"{index}*", query='{"term": {"route": "/predict"}}', fields=LINES)
    theirs = msgspec.structs.replace(OWN, source=source)
    with (
        Store.connect(settings, IndexNames(prefix)) as own,
        open_store(settings, IndexNames(f"{prefix}-b"), [theirs]) as mapped,
    ):
        for store in (own, mapped):
            install(store)
            register(store, ModelRecord(name="credit", task="binary", registered=START))
        for month, properties in (("2026.02", FEBRUARY), ("2026.03", MARCH)):
            own.request("PUT", f"/{index}{month}", body={"mappings": {"properties": properties}})
        yield Sides(own, mapped, theirs, index)


def references(sides: Sides) -> None:
    """Days before START, in the index of February."""
    for day in range(-REFERENCE_DAYS, 0):
        sides.send(day, rows_of(day))
        sides.truth(rows_of(day))
    window = Window(START - REFERENCE_DAYS * DAY, START)
    for store, settings in ((sides.own, OWN), (sides.mapped, sides.theirs)):
        save(store, *reference_from_window(store, settings, window, created=START, join_as_of=START))


def _counted(store: Store) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Events and failures of each stored profile, by kind, segment and bucket."""
    hits = store.scan(store.names.every("profiles"))
    found = [hit["_source"] for hit in hits]
    return {(s["kind"] + s["resolution"], s["segment"], s["bucket"]["start"]): (s["n"], s["failures"]) for s in found}


def same(sides: Sides) -> int:
    """Every measurement of one side is one of the other, with the same value; how many."""
    own, theirs = sides.measured()
    assert set(own) == set(theirs), sorted(map(str, set(own) ^ set(theirs)))[:6]
    for series, m in own.items():
        other = theirs[series]
        if m.metric == "prediction_lag":
            continue
        assert other.value == pytest.approx(m.value, rel=1e-9, abs=1e-12), series
        assert (other.n_current, other.n_reference) == (m.n_current, m.n_reference), series
    return len(own)


def test_the_same_data_gives_the_same_measurements(sides: Sides) -> None:
    """Two indices of a user, with other names, types and units; a day of drift; then data that comes late."""
    references(sides)
    for day, shift in ((0, 0.0), (1, 30.0)):
        sides.send(day, rows_of(day, shift=shift))
        sides.truth(rows_of(day, shift=shift))
    sides.cycle(2)
    found = same(sides)
    theirs = sides.measured()[1]
    metrics = {series[0] for series in theirs}
    assert {
        "kolmogorov_smirnov",
        "total_variation",
        "roc_auc",
        "latency_p95_ms",
        "error_rate",
        "predictions",
    } <= metrics
    counted = _counted(sides.mapped)
    assert counted == _counted(sides.own)
    assert {segment for _, segment, _ in counted} == {"", "features.plan=basic", "features.plan=plus"}
    late = [row | {"received": START + 3 * DAY} for row in rows_of(1, n=40, tag="late")]
    sides.send(1, late)
    sides.cycle(2)
    assert same(sides) >= found
    changed = sides.measured()[1]
    days = {series: m.value for series, m in changed.items() if series[0] == "predictions" and not series[2]}
    assert ROWS + 40 in days.values()
    assert _counted(sides.mapped) == _counted(sides.own)


def test_one_prediction_reads_as_an_event(sides: Sides) -> None:
    """By its id, with driftlog's names, units and types."""
    row = next(row for row in rows_of(0) if row["status"] == 200 and "age" in row["features"])
    sides.send(0, [row])
    (event,) = find_predictions(sides.mapped, "credit", id=row["id"])
    assert event["@timestamp"] == row["at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert event["features"] == row["features"] | {"channel": row["channel"]}
    assert event["event"]["duration"] == row["took"] * 1e6
    assert event["event"]["outcome"] == "success"
    assert event["prediction"]["label"] == str(row["label"])
    assert event["model"] == {"name": "credit", "version": "7"}
    assert find_predictions(sides.mapped, "credit", outcome="failure") == []
    assert find_predictions(sides.mapped, "credit", version="8") == []
    assert find_predictions(sides.mapped, "credit", feature={"member": str(row["features"]["member"]).lower()})


def test_without_a_time_of_arrival_the_last_hours_are_counted_again(sides: Sides) -> None:
    """What comes within `late` is found by the next cycle, what comes later by the comparison of counts."""
    lines = tuple(line for line in LINES if line.name != "event.ingested")
    source = msgspec.structs.replace(sides.theirs.source, fields=lines, late=timedelta(hours=6))
    theirs = msgspec.structs.replace(sides.theirs, source=source)
    connection = ElasticsearchSettings(urls=sides.own.urls)
    with open_store(connection, sides.mapped.names, [theirs]) as mapped:
        again = Sides(sides.own, mapped, theirs, sides.index)
        again.send(0, rows_of(0))
        again.cycle(1)
        late = rows_of(0, n=24, tag="late")
        again.send(0, [row for row in late if row["at"] >= START + timedelta(hours=19)])
        assert again.cycle(1)[1].buckets <= 8
        assert _predictions(again) == ROWS + 5
        again.send(0, [row for row in late if row["at"] < START + timedelta(hours=12)])
        again.cycle(1)
        assert _predictions(again) == ROWS + 5
        again.cycle(1, verify=True)
        assert _predictions(again) == ROWS + 5 + 12


def _predictions(sides: Sides) -> object:
    found = sides.measured()[1]
    return next(m.value for series, m in found.items() if series[0] == "predictions" and not series[2])


def test_the_check_names_fields_and_values(sides: Sides) -> None:
    """Types found, how many predictions have them, a field that nobody has, and text that looks like a number."""
    rows = rows_of(0, n=20)
    sides.send(0, rows)
    document = their_document(rows[0] | {"features": {"tags": ["a", "b"], "zip": "10117"}}, 0)
    sides.own.bulk([BulkAction("index", f"{sides.index}2026.03", "list", document, None)], refresh=True)
    lines = (*sides.theirs.source.fields, FieldSource(name="trace.id", path="trace"))
    theirs = msgspec.structs.replace(sides.theirs, source=msgspec.structs.replace(sides.theirs.source, fields=lines))
    with open_store(ElasticsearchSettings(urls=sides.own.urls), sides.mapped.names, [theirs]) as store:
        assert isinstance(store, MappedStore)
        found = {finding.check: finding for finding in check_source(store, theirs, START + DAY)}
    assert found["index"].status == "ok"
    assert "21 predictions" in found["index"].message
    assert found["prediction.score"].message.startswith("model.out.p (double and float), read as number")
    assert found["event.duration"].status == "ok"
    assert (found["trace.id"].status, "0 of 21" in found["trace.id"].message) == ("problem", True)
    assert found["features.tags"].status == "problem"
    assert "['a', 'b']" in found["features.tags"].remedy
    assert "type: number" in found["features.zip"].remedy


def test_nothing_is_written_to_a_users_index(sides: Sides) -> None:
    """Neither under driftlog's name for it nor under its own."""
    name = sides.mapped.names.predictions("credit", START)
    for index in (name, f"{sides.index}2026.03"):
        with pytest.raises(StoreRejected, match="only reads"):
            sides.mapped.bulk([BulkAction("index", index, "1", {"a": 1}, None)])
        with pytest.raises(StoreRejected, match="only reads"):
            sides.mapped.delete(index, "1")


def test_an_array_of_objects_is_refused(sides: Sides) -> None:
    """With the field, its type and what to do."""
    sides.own.request(
        "PUT",
        f"/{sides.index}items",
        body={
            "mappings": {
                "properties": {
                    "items": {"type": "nested", "properties": {"price": {"type": "double"}}},
                    "ts": MARCH["ts"],
                }
            }
        },
    )
    lines = (*LINES, FieldSource(name="features.price", path="items.price"))
    theirs = msgspec.structs.replace(sides.theirs, source=msgspec.structs.replace(sides.theirs.source, fields=lines))
    connection = ElasticsearchSettings(urls=sides.own.urls)
    with (
        open_store(connection, sides.mapped.names, [theirs]) as mapped,
        pytest.raises(ConfigError, match=r"items\.price is an array of objects"),
    ):
        find_predictions(mapped, "credit", feature={"price": "3"})


def test_an_erasure_says_what_it_cannot_reach(
    sides: Sides, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The user's index is left as it is, and named."""
    sides.send(0, rows_of(0, n=3))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    (tmp_path / "driftlog.yml").write_text(
        f"prefix: {sides.mapped.names.prefix}\nelasticsearch: {{urls: ['{sides.own.urls[0]}']}}\n"
        f"models: {{credit: {{source: {{index: '{sides.index}*', "
        "fields: {'@timestamp': ts, subject.id: request.id}}}}\n"
    )
    assert run(["erase", "--hashed", "0-1", "--yes"]) == exits.OK
    told = capsys.readouterr()
    assert f"lie in {sides.index}*" in "".join(told.err.splitlines())
    assert sides.own.count(f"{sides.index}*", {"term": {"request.id": "0-1"}}) == 1
