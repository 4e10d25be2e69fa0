"""Detectors over stored outcomes: one pass, the same after a restart, and late labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from river import drift

from driftlog.contract.errors import ConfigError
from driftlog.contract.measurement import Measurement
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.contract.window import DAY, Window
from driftlog.evaluate.concept.detector import MAX_OUTCOMES
from driftlog.evaluate.context import SeriesContext
from driftlog.profile import error_stream
from driftlog.store.client import Store
from driftlog.store.results import find_measurements, write_measurements
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction
from driftlog.worker.concept import ConceptMemory, ConceptWatch

pytestmark = pytest.mark.elasticsearch

BLOCK = datetime(2026, 1, 26, tzinfo=UTC)
"""A Monday that is a multiple of 13 weeks after 1970-01-05."""
SETTINGS = ModelSettings(name="churn")
A_DAY = 200
DAYS = 12


@pytest.fixture
def store(elasticsearch_url: str, prefix: str) -> Iterator[Store]:
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
        yield store
        uninstall(store)


def day(number: int) -> Window:
    return Window(BLOCK + number * DAY, BLOCK + (number + 1) * DAY)


def errors_of(days: Sequence[int]) -> np.ndarray:
    """10 % wrong in the first six days, half of them later."""
    return np.concatenate(
        [np.random.default_rng(100 + n).random(A_DAY) < (0.1 if n < 6 else 0.5) for n in days]
    ).astype(float)


def put(store: Store, number: int, *, wrong: np.ndarray | None = None, regression: bool = False) -> None:
    errors = errors_of([number]) if wrong is None else wrong
    actions = []
    for i, error in enumerate(errors.tolist()):
        at = day(number).start + i * DAY / A_DAY
        outcome = {"absolute_error": error} if regression else {"correct": not error}
        document = {
            "@timestamp": at.isoformat(),
            "model": {"name": "churn"},
            "service": {"environment": "production"},
            "outcome": outcome,
        }
        actions.append(BulkAction("index", store.names.monthly("outcomes", at), f"churn:p{number}-{i:04}", document))
    assert not store.bulk(actions, refresh=True).failures


def measured(watch: ConceptWatch, windows: Sequence[Window]) -> dict[tuple[datetime, str], Measurement]:
    found = {}
    for window in windows:
        for m in watch.measurements(window, SeriesContext("churn", "production", window), predictions=400):
            found[window.start, m.metric] = m
    return found


def river_points(make, errors: np.ndarray) -> list[int]:
    """Number of drift points by day."""
    detector, points = make(), [0] * (len(errors) // A_DAY)
    for position, error in enumerate(errors.tolist()):
        detector.update(error)
        points[position // A_DAY] += detector.drift_detected
    return points


def test_windows_have_the_points_of_river(store: Store) -> None:
    """The whole stream, fed to river directly, gives the same number of points each day."""
    for number in range(DAYS):
        put(store, number)
    found = measured(ConceptWatch(store, SETTINGS, None), [day(n) for n in range(DAYS)])
    for name, make in (("adwin", drift.ADWIN), ("ddm", drift.binary.DDM)):
        expected = river_points(make, errors_of(range(DAYS)))
        assert [found[day(n).start, name].value for n in range(DAYS)] == expected
        assert sum(expected[6:]) >= 1
    one = found[day(3).start, "adwin"]
    assert (one.n_current, one.maturity, one.details["replayed"]) == (A_DAY, 0.5, 4 * A_DAY)
    assert one.details["replayed_from"] == BLOCK.timestamp()
    first = next(found[day(n).start, "adwin"] for n in range(6, DAYS) if found[day(n).start, "adwin"].value)
    assert first.details["mean_before"] < 0.2 < first.details["mean_after"]
    assert first.window.start.timestamp() <= first.details["last_drift"] < first.window.end.timestamp()


def test_a_restart_gives_the_same_documents(store: Store) -> None:
    """Each window by a worker of its own, all in one pass, with and without memory: identical, and stored once."""
    for number in range(DAYS):
        put(store, number)
    windows = [day(n) for n in range(DAYS)]
    one_pass = measured(ConceptWatch(store, SETTINGS, None), windows)
    memory = ConceptMemory()
    restarted = {}
    for window in reversed(windows):
        restarted |= measured(ConceptWatch(store, SETTINGS, None), [window])
        assert measured(ConceptWatch(store, SETTINGS, None, memory=memory), [window]) == measured(
            ConceptWatch(store, SETTINGS, None), [window]
        )
    assert restarted == one_pass
    write_measurements(store, list(one_pass.values()), term=1)
    write_measurements(store, list(restarted.values()), term=2)
    stored = find_measurements(store, "churn", purpose="concept_drift")
    assert len(stored) == 2 * DAYS
    assert {m.id: m.value for m in stored} == {m.id: m.value for m in one_pass.values()}


def test_gaps_between_windows_are_passed_through(store: Store) -> None:
    """Only days 2, 5 and 9 are asked for: they say what they say in a full pass."""
    for number in range(DAYS):
        put(store, number)
    full = measured(ConceptWatch(store, SETTINGS, None), [day(n) for n in range(DAYS)])
    some = measured(ConceptWatch(store, SETTINGS, None), [day(2), day(5), day(9)])
    assert some == {key: m for key, m in full.items() if key in some}
    assert len(some) == 6


def test_a_late_label_changes_its_window_and_the_later_ones(store: Store) -> None:
    """Corrected labels of day 2, all wrong: that day and those after it are measured again, earlier ones are not."""
    for number in range(DAYS):
        put(store, number)
    windows = [day(n) for n in range(DAYS)]
    memory = ConceptMemory()
    before = measured(ConceptWatch(store, SETTINGS, None, memory=memory), windows)
    watch = ConceptWatch(store, SETTINGS, None, memory=memory)
    assert watch.following([day(2)], windows[-1].end) == []

    put(store, 2, wrong=np.ones(A_DAY))
    follow = watch.following([day(2)], windows[-1].end)
    assert follow == windows[3:]
    after = measured(watch, [day(2), *follow])
    changed = errors_of(range(DAYS))
    changed[2 * A_DAY : 3 * A_DAY] = 1
    expected = river_points(drift.ADWIN, changed)
    assert [after[day(n).start, "adwin"].value for n in range(2, DAYS)] == expected[2:]
    assert after[day(2).start, "adwin"] != before[day(2).start, "adwin"]
    anew = measured(ConceptWatch(store, SETTINGS, None), windows)
    assert anew == before | after
    assert {m.id for m in after.values()} <= {m.id for m in before.values()}


def test_only_what_changed_is_read_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a memory one late label costs the reading of one window."""
    for number in range(5):
        put(store, number)
    memory = ConceptMemory()
    windows = [day(n) for n in range(5)]
    measured(ConceptWatch(store, SETTINGS, None, memory=memory), windows)
    put(store, 3, wrong=np.ones(A_DAY))
    read: list[Window] = []

    def noted(store: Store, settings: ModelSettings, pieces: Sequence[Window], *, halvings: int = 0) -> object:
        read.extend(pieces)
        return error_stream.read_errors(store, settings, pieces, halvings=halvings)

    monkeypatch.setattr("driftlog.worker.concept.read_errors", noted)
    measured(ConceptWatch(store, SETTINGS, None, memory=memory), windows)
    assert read == [day(3)]


def test_without_memory_everything_after_a_window_follows(store: Store) -> None:
    """Up to the last judged window, and not into the next block."""
    watch = ConceptWatch(store, msgspec.structs.replace(SETTINGS, concept_replay=7 * DAY), None)
    assert watch.following([day(2), day(4)], day(5).end) == [day(3), day(5)]
    assert watch.following([day(5), day(8)], day(9).end) == [day(6), day(9)]
    assert watch.following([day(5)], None) == []
    assert watch.following([day(5)], day(5).end) == []


def test_a_new_block_starts_afresh(store: Store) -> None:
    """With blocks of a week the second Monday knows nothing of the first week."""
    for number in range(DAYS):
        put(store, number)
    weekly = msgspec.structs.replace(SETTINGS, concept_replay=7 * DAY)
    found = measured(ConceptWatch(store, weekly, None), [day(n) for n in range(DAYS)])
    expected = river_points(drift.ADWIN, errors_of(range(7))) + river_points(drift.ADWIN, errors_of(range(7, DAYS)))
    assert [found[day(n).start, "adwin"].value for n in range(DAYS)] == expected
    assert found[day(7).start, "adwin"].details["replayed"] == A_DAY
    assert found[day(7).start, "adwin"].details["replayed_from"] == day(7).start.timestamp()


def test_a_large_block_is_thinned_and_says_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the limit one in two outcomes is replayed, the same ones every time; a million is the limit."""
    assert MAX_OUTCOMES == 1_000_000
    monkeypatch.setattr("driftlog.worker.concept.FEWEST_KEPT", 150)
    kswin = msgspec.structs.replace(SETTINGS, concept_detectors=("kswin",), concept_replay=1000 * 7 * DAY)
    put(store, 0)
    found, again = (measured(ConceptWatch(store, kswin, None), [day(0)]) for _ in range(2))
    one = found[day(0).start, "kswin"]
    assert found == again
    assert (one.marks, one.details["kept_share"]) == (("approximate",), 0.5)
    assert one.n_current == pytest.approx(A_DAY / 2, abs=40)
    assert one.note == "one in 2 outcomes, drawn at random, was replayed"


def test_regression_without_reference_learns_what_large_is(store: Store) -> None:
    """From the first hundred outcomes; after that the size of errors is watched."""
    regression = msgspec.structs.replace(SETTINGS, task="regression")
    rng = np.random.default_rng(7)
    put(store, 0, wrong=rng.exponential(20, 60), regression=True)
    put(store, 1, wrong=rng.exponential(20, A_DAY), regression=True)
    for number in (2, 3):
        put(store, number, wrong=rng.exponential(60, A_DAY), regression=True)
    found = measured(ConceptWatch(store, regression, None), [day(n) for n in range(4)])
    assert found[day(0).start, "adwin"].value is None
    assert "100 outcomes" in found[day(0).start, "adwin"].note
    assert found[day(1).start, "adwin"].value == 0
    assert 20 < found[day(1).start, "adwin"].details["large_error"] < 80
    assert sum(found[day(n).start, "adwin"].value for n in (2, 3)) >= 1
    assert sum(found[day(n).start, "ddm"].value for n in (2, 3)) >= 1
    assert measured(ConceptWatch(store, regression, None), [day(3)])[day(3).start, "ddm"] == found[day(3).start, "ddm"]


def test_no_outcomes_no_measurements(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that never gets labels makes no detectors; a day without any between others has no value."""
    watch = ConceptWatch(store, SETTINGS, None)
    made: list[str] = []
    monkeypatch.setattr("driftlog.worker.concept.Replay", lambda detector: made.append(detector.name))
    assert (measured(watch, [day(0)]), made) == ({}, [])
    monkeypatch.undo()
    put(store, 1)
    found = measured(watch, [day(1), day(2)])
    assert found[day(1).start, "adwin"].value == 0
    assert found[day(2).start, "adwin"].value is None
    assert measured(ConceptWatch(store, msgspec.structs.replace(SETTINGS, concept_detectors=()), None), [day(1)]) == {}


def test_settings_that_cannot_be_used_are_refused(store: Store) -> None:
    """At once, with the remedy."""
    with pytest.raises(ConfigError, match="no such detector"):
        ConceptWatch(store, msgspec.structs.replace(SETTINGS, concept_detectors=("sixth_sense",)), None)
    with pytest.raises(ConfigError, match="concept_replay"):
        ConceptWatch(store, msgspec.structs.replace(SETTINGS, concept_replay=timedelta(hours=30)), None)


def test_two_blocks_are_remembered(store: Store) -> None:
    """Late labels of the week before and this week's new windows take turns without reading either again; no third."""
    for number in (0, 7, 14):
        put(store, number, wrong=np.zeros(10))
    weekly = msgspec.structs.replace(SETTINGS, concept_replay=7 * DAY)
    memory = ConceptMemory()
    for number in (0, 7, 0, 14):
        measured(ConceptWatch(store, weekly, None, memory=memory), [day(number)])
    assert [block.start for block in memory.blocks] == [day(0).start, day(14).start]
    assert ConceptWatch(store, weekly, None, memory=memory).following([day(0)], day(3).end) == []
    assert ConceptWatch(store, weekly, None, memory=memory).following([day(7)], day(9).end) == [day(8), day(9)]
