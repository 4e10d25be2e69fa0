"""Event files: what TensorBoard's own reader finds in them, and what becomes of them when they are written again."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.present.export.pushed import alert
from tests.unit.present.story import measurement, week

from driftlog.contract.binning import Binning, CategoricalBins, NumericBins
from driftlog.contract.errors import UsageError
from driftlog.contract.measurement import Limit, Measurement
from driftlog.contract.points import newest, path_of, step_of
from driftlog.contract.profile import LATENCY_EDGES_NS, FieldCounts, PredictionProfile, ProfileKey, Reference
from driftlog.contract.window import Window
from driftlog.present.export.bins import category_shares, latency_bins, number_bins
from driftlog.present.export.event_file import EventFile, own_files, scalar
from driftlog.present.export.tensorboard import Distributions, export, run_name

BINNING = Binning(
    "b1",
    "flights",
    "demo",
    {"features.temp": NumericBins((0.0, 10.0, 20.0), (0, 1, 2, 3)), "features.origin": CategoricalBins(("EWR", "JFK"))},
    datetime(2013, 4, 1, tzinfo=UTC),
)


def profile(window: Window, *temperatures: int) -> PredictionProfile:
    counts = np.array(temperatures, dtype=np.int64)
    latency = np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64)
    latency[50] = counts.sum()
    fields = {
        "features.temp": FieldCounts(counts, minimum=-5.5, maximum=31.0),
        "features.origin": FieldCounts(np.array([3, 1, 0]), unseen=1),
    }
    key = ProfileKey("flights", "demo", "*", "*", "", "b1", window)
    return PredictionProfile(key, n=int(counts.sum()), fields=fields, latency=latency)


REFERENCE = Reference("r1", "flights", "demo", "b1", 20, profile(week(-1), 5, 5, 5, 5), window=week(-1))


def distributions(weeks: int = 3) -> Distributions:
    current = {week(index): profile(week(index), index, 2, 3, 0) for index in range(weeks)}
    return Distributions(BINNING, REFERENCE, lambda window, version, variant: current.get(window))


def auc(index: int, value: float | None, **more: object) -> Measurement:
    bounds = {"lower": value - 0.05, "upper": value + 0.05} if value is not None else {}
    limit = Limit("relative", "below", warning=0.67, critical=0.64)
    return measurement("roc_auc", "performance", week(index), value, limit=limit, reference_value=0.7, **bounds, **more)


def read(logdir: Path, run: str):
    """TensorBoard's reader in Python, with everything kept."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(logdir / "flights" / "demo" / run), size_guidance={"tensors": 0, "scalars": 0})
    return found.Reload()


def scalars(logdir: Path, run: str, tag: str = "performance/roc_auc") -> list[tuple[int, float]]:
    return [(event.step, round(event.value, 6)) for event in read(logdir, run).Scalars(tag)]


def test_values_bounds_limits_and_the_reference_are_runs(tmp_path):
    """So that TensorBoard draws them in one chart; steps are the minutes at the windows' ends."""
    done = export([auc(0, 0.7), auc(1, None), auc(2, 0.6)], [], tmp_path, "flights", "demo")
    assert {each.run.rpartition("/")[2] for each in done} == {
        "all", "all lower", "all upper", "all warning", "all critical", "reference",
    }  # fmt: skip
    steps = [step_of(week(index)) for index in (0, 2)]
    assert scalars(tmp_path, "all") == [(steps[0], 0.7), (steps[1], 0.6)]
    assert scalars(tmp_path, "all lower") == [(steps[0], 0.65), (steps[1], 0.55)]
    assert [value for _, value in scalars(tmp_path, "all warning")] == [0.67] * 3
    assert [value for _, value in scalars(tmp_path, "reference")] == [0.7] * 3


def test_versions_variants_and_segments_have_runs_of_their_own(tmp_path):
    """Names that no folder can have are written otherwise."""
    several = [
        auc(0, 0.7),
        auc(0, 0.6, version="v3"),
        auc(0, 0.5, version="v3", variant="blue"),
        auc(0, 0.4, segment="origin=../x"),
    ]
    export(several, [], tmp_path, "flights", "demo")
    names = {path.name for path in (tmp_path / "flights" / "demo").iterdir() if path.is_dir()}
    assert {"all", "version v3", "version v3, variant blue", "segment origin=..%2Fx"} <= names
    assert run_name(("*", "*", "")) == "all"
    assert scalars(tmp_path, "version v3") == [(step_of(week(0)), 0.6)]


def test_histograms_have_the_edges_and_counts_of_the_profiles(tmp_path):
    """In 64 bits; open ends reach to what was seen; the reference is a run of its own."""
    from tensorboard.util.tensor_util import make_ndarray

    export([auc(index, 0.7) for index in range(3)], [], tmp_path, "flights", "demo", distributions=distributions())
    events = read(tmp_path, "all").Tensors("distribution/features.temp")
    found = [make_ndarray(event.tensor_proto).tolist() for event in events]
    assert found[0] == [[0.0, 10.0, 2.0], [10.0, 20.0, 3.0]]
    assert found[2] == [[-5.5, 0.0, 2.0], [0.0, 10.0, 2.0], [10.0, 20.0, 3.0]]
    (reference,) = read(tmp_path, "reference").Tensors("distribution/features.temp")
    assert make_ndarray(reference.tensor_proto)[:, 2].tolist() == [5, 5, 5, 5]
    assert reference.step == step_of(week(-1))
    assert scalars(tmp_path, "all", "categories/features.origin/EWR") == [(step_of(week(i)), 0.6) for i in range(3)]
    (latency, *_) = read(tmp_path, "all").Tensors("operational/latency_ms")
    assert make_ndarray(latency.tensor_proto).tolist() == [
        [LATENCY_EDGES_NS[49] / 1e6, LATENCY_EDGES_NS[50] / 1e6, 5.0]
    ]


def test_alerts_are_texts_and_a_count(tmp_path):
    """Where they opened and were resolved."""
    opened = msgspec.structs.replace(alert("opened", "resolved"), opened=week(0).end, resolved=week(2).end)
    export([auc(index, 0.7) for index in range(3)], [opened], tmp_path, "flights", "demo")
    texts = {event.step: event.tensor_proto.string_val[0].decode() for event in read(tmp_path, "all").Tensors("alerts")}
    assert set(texts) == {step_of(week(0)), step_of(week(2))}
    assert texts[step_of(week(0))].startswith("**critical** opened: flights: performance is worse")
    assert [value for _, value in scalars(tmp_path, "all", "alerts/open")] == [1, 1, 0]


def test_written_again_it_stays_as_it_is(tmp_path):
    """Not one byte differs, so that nothing is replaced."""
    measurements = [auc(index, 0.7) for index in range(3)]
    first = export(measurements, [], tmp_path, "flights", "demo", distributions=distributions())
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.driftlog")}
    second = export(measurements, [], tmp_path, "flights", "demo", distributions=distributions())
    assert [each.changed for each in first] == [True] * len(first)
    assert [each.changed for each in second] == [False] * len(second)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.driftlog")} == files


def test_revisions_replace_points(tmp_path):
    """One file a run, with a name that comes after the old one's; each step once."""
    export([auc(0, 0.7), auc(1, 0.6)], [], tmp_path, "flights", "demo")
    export([auc(0, 0.75), auc(1, 0.6), auc(2, 0.5)], [], tmp_path, "flights", "demo")
    (file,) = own_files(tmp_path / "flights" / "demo" / "all")
    assert file.name == "events.out.tfevents.0000000002.driftlog"
    assert [value for _, value in scalars(tmp_path, "all")] == [0.75, 0.6, 0.5]


def test_a_crash_between_two_files_doubles_nothing(tmp_path):
    """Both are there: TensorBoard drops what the older one said from the newer one's first step on."""
    export([auc(0, 0.7), auc(1, 0.6)], [], tmp_path, "flights", "demo")
    folder = tmp_path / "flights" / "demo" / "all"
    (old,) = own_files(folder)
    kept = old.read_bytes()
    export([auc(0, 0.75), auc(1, 0.6), auc(2, 0.5)], [], tmp_path, "flights", "demo")
    old.write_bytes(kept)
    (folder / ".driftlog-partial").write_bytes(b"half a rec")
    assert [value for _, value in scalars(tmp_path, "all")] == [0.75, 0.6, 0.5]
    export([auc(0, 0.75), auc(1, 0.6), auc(2, 0.5)], [], tmp_path, "flights", "demo")
    assert len(own_files(folder)) == 1


def test_runs_that_are_no_more_are_taken_away(tmp_path):
    """Those driftlog wrote; files of others stay."""
    export([auc(0, 0.7), auc(0, 0.4, segment="origin=EWR")], [], tmp_path, "flights", "demo")
    segment = tmp_path / "flights" / "demo" / "segment origin=EWR"
    other = tmp_path / "flights" / "demo" / "mine" / "events.out.tfevents.1.host"
    other.parent.mkdir()
    other.write_bytes(b"")
    export([auc(0, 0.7)], [], tmp_path, "flights", "demo")
    assert not segment.exists()
    assert other.exists()


def test_another_export_and_a_folder_that_cannot_be_written_are_told(tmp_path):
    """Before anything is written."""

    def measurements():
        yield auc(0, 0.7)
        with pytest.raises(UsageError, match="another export is writing"):
            export([auc(0, 0.7)], [], tmp_path, "flights", "demo")

    export(measurements(), [], tmp_path, "flights", "demo")
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        export([auc(0, 0.7)], [], tmp_path / "file", "flights", "demo")


def test_of_two_judgements_of_a_window_the_newest_counts():
    """Against another reference; the order stays."""
    times = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 2)]
    again = [auc(0, 0.5, computed=times[1]), auc(0, 0.7, computed=times[0], reference_id="r2"), auc(1, 0.6)]
    assert [each.value for each in newest(again)] == [0.5, 0.6]
    assert [path_of(each) for each in newest(again)] == ["performance/roc_auc"] * 2
    assert list(newest([])) == []


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=0, max_size=6, unique=True).map(sorted),
    st.lists(st.integers(0, 9), min_size=7, max_size=7),
)
def test_bins_keep_every_count_in_order(edges, numbers):
    """Whatever the edges: closed, adjacent, increasing, with all that was counted."""
    counts = numbers[: len(edges) + 1]
    low, high = (edges[0] - 3.0, edges[-1] + 3.0) if edges else (1.0, 2.0)
    found = number_bins(NumericBins(tuple(edges), ()), FieldCounts(np.array(counts), minimum=low, maximum=high))
    assert sum(count for _, _, count in found) == sum(counts)
    assert all(left < right and math.isfinite(left) and math.isfinite(right) for left, right, _ in found)
    assert all(before[1] == after[0] for before, after in pairwise(found))


def test_empty_counts_make_no_histogram():
    """Nor shares."""
    assert number_bins(NumericBins((1.0,), (0, 1)), FieldCounts(np.array([0, 0]))) == []
    assert category_shares(CategoricalBins(("a",)), FieldCounts(np.array([0, 0])), most=10) == {}
    assert latency_bins(np.zeros(len(LATENCY_EDGES_NS) + 1, dtype=np.int64)) == []


def test_a_kind_is_said_once_a_tag(tmp_path):
    """As TensorBoard's own writers do; a file of a year stays small."""
    file = EventFile(tmp_path)
    for step in range(1000):
        file.append([scalar("performance/roc_auc", 0.5)], step=step, wall_time=float(step))
    assert file.replace()
    assert own_files(tmp_path)[0].stat().st_size < 1000 * 80
