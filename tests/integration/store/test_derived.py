"""Results, alerts, run records, cursors and models on a real Elasticsearch."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from driftlog.contract.alert import Alert
from driftlog.contract.errors import NameRefused, StoreConflict
from driftlog.contract.measurement import Measurement
from driftlog.contract.records import ModelRecord, RunRecord
from driftlog.contract.window import Window
from driftlog.store.alerts import find_alerts, last_episodes, load_open, write_alerts
from driftlog.store.client import Store
from driftlog.store.cursors import read_cursor, write_cursor
from driftlog.store.models import ensure_indices, register, registered
from driftlog.store.results import find_measurements, latest_window, write_measurements
from driftlog.store.runs import find_runs, write_run

pytestmark = pytest.mark.elasticsearch

DAY = timedelta(days=1)
START = datetime(2026, 3, 30, tzinfo=UTC)


def day(number: int) -> Window:
    return Window(START + number * DAY, START + (number + 1) * DAY)


def measurement(
    number: int = 0, *, metric: str = "roc_auc", value: float | None = 0.7, **fields: object
) -> Measurement:
    base = Measurement(
        model="churn",
        environment="production",
        metric=metric,
        purpose="performance",
        window=day(number),
        value=value,
        n_current=100,
    )
    return msgspec.structs.replace(base, **fields)


def alert(episode: int = 1, *, key: str = "churn|auc", opened: int = 1, **fields: object) -> Alert:
    base = Alert(
        key=key,
        episode=episode,
        model="churn",
        environment="production",
        purpose="performance",
        metric="roc_auc",
        status="open",
        severity="warning",
        title="AUC fell",
        message="0.7",
        opened=day(opened).start,
        updated=day(opened).end,
        evidence=measurement(opened),
        latest=measurement(opened),
        first_window=day(opened),
        last_window=day(opened),
    )
    return msgspec.structs.replace(base, **fields)


def test_results_are_found_as_soon_as_they_are_written(store: Store) -> None:
    """The next cycle reads them as history; over two months, oldest first."""
    written = [measurement(number, value=number / 10) for number in range(4)]

    assert write_measurements(store, written, term=1) == 4
    assert find_measurements(store, "churn") == written
    assert find_measurements(store, "churn", newest_first=True, size=2) == [written[3], written[2]]
    assert latest_window(store, "churn") == day(3)
    assert (find_measurements(store, "other"), latest_window(store, "other")) == ([], None)


def test_a_second_evaluation_replaces_the_result_and_counts_up(store: Store) -> None:
    """One document a series, window and reference, whatever its value."""
    write_measurements(store, [measurement(value=0.7)], term=1)
    write_measurements(store, [measurement(value=0.6), measurement(1)], term=1)
    write_measurements(store, [measurement(value=0.5)], term=2)

    found = [(m.window, m.value, m.revision) for m in find_measurements(store, "churn")]
    assert found == [(day(0), 0.5, 3), (day(1), 0.7, 1)]


def test_a_worker_that_lost_its_lease_cannot_overwrite_results(store: Store) -> None:
    """Its term is older; what nobody has written yet is stored."""
    write_measurements(store, [measurement(value=0.7)], term=5)

    with pytest.raises(StoreConflict, match="newer term"):
        write_measurements(store, [measurement(value=0.1), measurement(1, value=0.2)], term=4)
    assert [(m.value, m.revision) for m in find_measurements(store, "churn")] == [(0.7, 1), (0.2, 1)]


def test_results_are_found_by_what_they_are(store: Store) -> None:
    """Each condition alone."""
    plain = measurement()
    drift = measurement(metric="kolmogorov_smirnov", field="features.age", purpose="data_drift", verdict="warning")
    segment = measurement(segment="carrier=AA")
    staging = measurement(environment="staging")
    later = measurement(2)
    write_measurements(store, [plain, drift, segment, staging, later], term=1)

    def found(**conditions: object) -> set[str]:
        return {m.id for m in find_measurements(store, "churn", **conditions)}  # type: ignore[arg-type]

    assert found() == {m.id for m in (plain, drift, staging, later)}
    assert found(segment=None) == {m.id for m in (plain, drift, segment, staging, later)}
    assert found(segment="carrier=AA") == {segment.id}
    assert found(environment="staging") == {staging.id}
    assert found(metric="kolmogorov_smirnov") == {drift.id}
    assert found(metric=["kolmogorov_smirnov", "roc_auc"], field="features.age") == {drift.id}
    assert found(field="", environment="production") == {plain.id, later.id}
    assert found(purpose="data_drift") == found(verdict=["warning", "critical"]) == {drift.id}
    assert found(since=day(1).start) == found(since=day(2).start, until=day(2).end) == {later.id}
    assert found(until=day(2).start, environment="production") == {plain.id, drift.id}


def test_more_results_than_one_page_are_read(store: Store) -> None:
    """The scan goes on for as long as asked."""
    write_measurements(store, [measurement(metric=f"m{number}") for number in range(4321)], term=1)

    assert len(find_measurements(store, "churn")) == 4321
    assert len(find_measurements(store, "churn", size=3000)) == 3000


def test_an_alert_lives_in_one_document(store: Store) -> None:
    """Opened, updated, resolved; what opened it stays."""
    opened = alert()
    write_alerts(store, [opened, alert(key="churn|late", opened=2)], term=1)
    assert load_open(store, "churn", "production") == [opened, alert(key="churn|late", opened=2)]

    resolved = msgspec.structs.replace(
        opened, status="resolved", resolved=day(3).end, updated=day(3).end, latest=measurement(3, value=0.9)
    )
    write_alerts(store, [resolved], term=1)

    assert [found.key for found in load_open(store, "churn")] == ["churn|late"]
    assert find_alerts(store, "churn", status="resolved") == [resolved]
    assert find_alerts(store)[0].evidence == opened.evidence
    with pytest.raises(StoreConflict):
        write_alerts(store, [opened], term=0)


def test_alerts_are_found_by_the_time_they_cover(store: Store) -> None:
    """Half-open; an open one goes on."""
    closed = alert(status="resolved", resolved=day(2).end, severity="critical")
    going = alert(2, opened=5)
    write_alerts(store, [closed, going], term=1)

    assert find_alerts(store, since=day(3).end) == [going]
    assert find_alerts(store, since=day(2).end) == [closed, going]
    assert find_alerts(store, until=day(5).start) == [closed]
    assert find_alerts(store, severity="critical") == [closed]
    assert find_alerts(store, "churn", environment="staging") == []


def test_the_last_episode_of_each_cause_is_known(store: Store) -> None:
    """So that a cause that comes back gets a number of its own."""
    written = [alert(2), alert(10), alert(1, key="other"), alert(9, environment="staging")]
    write_alerts(store, written, term=1)

    assert last_episodes(store, "churn", "production") == {"churn|auc": 10, "other": 1}
    assert last_episodes(store, "late", "production") == {}


def test_run_records_are_found_newest_first(store: Store) -> None:
    """By model and time."""
    runs = [
        RunRecord(
            id=f"r{n}",
            worker="w",
            model="churn" if n % 2 else "late",
            started=START + n * DAY,
            finished=START + n * DAY + timedelta(seconds=2),
            as_of=START,
            status="ok",
            durations_ms={"join": 1.5, "write": 2.0},
            windows_evaluated=(day(n),),
        )
        for n in range(4)
    ]
    for record in runs:
        write_run(store, record)
    store.refresh(store.names.every("runs"))

    assert find_runs(store) == runs[::-1]
    assert find_runs(store, "churn", since=runs[2].started) == [runs[3]]
    assert find_runs(store, size=1) == [runs[3]]


def test_a_cursor_is_read_as_it_was_last_written_and_keeps_to_the_newest_term(store: Store) -> None:
    """Without waiting for a refresh; one a model, environment and name."""
    assert read_cursor(store, "churn", "production", "cycle") is None
    write_cursor(store, "churn", "production", "cycle", {"ingested": "2026-03-03T00:00:00Z", "n": [1]}, 2)
    write_cursor(store, "churn", "staging", "cycle", {"n": 1}, 1)

    with pytest.raises(StoreConflict):
        write_cursor(store, "churn", "production", "cycle", {}, 1)
    assert read_cursor(store, "churn", "production", "cycle") == {"ingested": "2026-03-03T00:00:00Z", "n": [1]}
    assert read_cursor(store, "churn", "staging", "cycle") == {"n": 1}


def test_a_model_is_registered_once(store: Store) -> None:
    """A second registration changes nothing; the names are checked."""
    first = ModelRecord(name="late", registered=START, owner="a")

    assert register(store, first) is True
    assert register(store, msgspec.structs.replace(first, owner="b")) is False
    assert register(store, ModelRecord(name="churn", registered=START)) is True
    assert list(registered(store)) == ["churn", "late"]
    assert registered(store)["late"] == first
    with pytest.raises(NameRefused):
        register(store, ModelRecord(name="Late", registered=START))


def test_indices_are_made_for_this_period_and_the_next(store: Store) -> None:
    """Once; a second call finds them there."""
    made = ensure_indices(store, "churn", datetime(2026, 12, 31, 23, tzinfo=UTC))

    prefix = store.names.prefix
    periods = ("2026-12", "2027-01")
    expected = {f"{prefix}-predictions.churn.{period}" for period in periods}
    expected |= {
        f"{prefix}-{kind}.{p}" for kind in ("feedback", "resources", "quarantine", "payloads") for p in periods
    }
    assert set(made) == expected
    assert ensure_indices(store, "churn", datetime(2026, 12, 31, 23, tzinfo=UTC)) == []
    assert {info.name for info in store.list_indices()} == expected


def test_known_feature_types_are_mapped_before_the_first_event(store: Store) -> None:
    """A number that first comes as text would else be a keyword for the whole period."""
    ensure_indices(store, "churn", START, ahead=0, numeric=["age", "user.age"], categorical=["code"])
    index = store.names.predictions("churn", START)
    for number, features in enumerate(({"age": "41", "code": 7, "user.age": "x"}, {"age": 1.5, "code": "a"})):
        store.create(index, str(number), {"@timestamp": START, "features": features})
    store.refresh(index)

    aggregations = {"age": {"sum": {"field": "features.age"}}, "codes": {"terms": {"field": "features.code"}}}
    answer = store.search(index, {"size": 0, "aggs": aggregations})["aggregations"]
    assert answer["age"]["value"] == 42.5
    assert {bucket["key"] for bucket in answer["codes"]["buckets"]} == {"7", "a"}


def test_features_are_mapped_in_indices_that_are_there(store: Store) -> None:
    """`driftlog setup` makes them before there is a reference; what an event has settled stays."""
    ensure_indices(store, "churn", START, ahead=0)
    index = store.names.predictions("churn", START)
    store.create(index, "0", {"@timestamp": START, "features": {"settled": "N/A"}})
    ensure_indices(store, "churn", START, ahead=0, numeric=["settled", "open", "open.inner"])
    store.create(index, "1", {"@timestamp": START, "features": {"open": "N/A", "open.inner": "2"}}, refresh=True)

    mapping = store.request("GET", f"/{index}/_mapping")[index]["mappings"]["properties"]["features"]["properties"]
    types = {name: found["type"] for name, found in mapping.items()}
    assert types == {"settled": "keyword", "open": "double", "open.inner": "double"}


def test_more_features_than_an_index_holds_are_mapped_as_they_come(store: Store) -> None:
    """Beyond a limit; the index is made all the same."""
    made = ensure_indices(store, "churn", START, ahead=0, numeric=[f"f{number}" for number in range(5000)])

    assert store.names.predictions("churn", START) in made
