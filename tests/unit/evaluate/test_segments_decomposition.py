"""A change of the whole is the change of the mix plus the changes inside the segments, exactly."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.contract.binning import CategoricalBins
from driftlog.contract.profile import OutcomeProfile
from driftlog.evaluate.drift.registry import DRIFT_MEASURES
from driftlog.evaluate.segments.decomposition import split_distributions, split_means
from driftlog.evaluate.segments.explain import MEANS, OTHER, decompose, decompose_mean, explain

cells = st.lists(st.integers(0, 50), min_size=4, max_size=4)
sides = st.lists(cells, min_size=2, max_size=4).filter(lambda rows: sum(map(sum, rows)) > 0)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_both_parts_add_up_to_the_difference_of_the_whole(data):
    """Total variation of the whole; the parts by the triangle inequality; contributions by their sum; sides swap."""
    f = data.draw(sides)
    g = data.draw(st.lists(cells, min_size=len(f), max_size=len(f)).filter(lambda rows: sum(map(sum, rows)) > 0))
    names = [f"features.s={i}" for i in range(len(f))]
    split = split_distributions(dict(zip(names, f, strict=True)), dict(zip(names, g, strict=True)))
    p, q = (np.sum(side, axis=0) / np.sum(side) for side in (f, g))
    assert split.total == pytest.approx(0.5 * np.abs(q - p).sum(), abs=1e-12)
    assert split.total <= split.mix + split.within + 1e-12
    assert abs(split.mix - split.within) <= split.total + 1e-12
    assert sum(one.value for one in split.largest) == pytest.approx(split.total, abs=1e-9)
    back = split_distributions(dict(zip(names, g, strict=True)), dict(zip(names, f, strict=True)))
    assert (back.total, back.mix, back.within) == pytest.approx((split.total, split.mix, split.within), abs=1e-12)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_means_split_likewise(data):
    """Signed: mix + within is the change of the mean, and so is the sum of what the segments add."""
    pairs = st.tuples(st.floats(-100, 100), st.integers(0, 1000)).map(lambda p: (p[0] * p[1], float(p[1])))
    f, g = (
        data.draw(st.lists(pairs, min_size=3, max_size=3).filter(lambda side: sum(n for _, n in side) > 0))
        for _ in range(2)
    )
    names = ["features.s=a", "features.s=b", "features.s=c"]
    split = split_means(dict(zip(names, f, strict=True)), dict(zip(names, g, strict=True)))
    change = sum(s for s, _ in g) / sum(n for _, n in g) - sum(s for s, _ in f) / sum(n for _, n in f)
    assert split.total == pytest.approx(change, abs=1e-9)
    assert split.mix + split.within == pytest.approx(change, abs=1e-9)
    assert sum(one.value for one in split.largest) == pytest.approx(change, abs=1e-9)


def test_a_pure_change_of_the_mix_has_nothing_inside():
    """A segment grows; inside nothing changes. The one that differs from the others is what adds."""
    before = {"features.s=a": [90, 10], "features.s=b": [50, 50], "features.s=c": [50, 50]}
    now = {"features.s=a": [900, 100], "features.s=b": [50, 50], "features.s=c": [50, 50]}
    split = split_distributions(before, now)
    assert (split.within, split.mix_share) == (pytest.approx(0), pytest.approx(1))
    assert split.largest[0].segment == "features.s=a"


def test_a_pure_change_inside_is_no_mix():
    """The segments keep their shares; the one that changed adds all of it."""
    split = split_distributions(
        {"features.s=a": [100, 100], "features.s=b": [100, 100]}, {"features.s=a": [200, 0], "features.s=b": [100, 100]}
    )
    assert (split.total, split.mix, split.within) == pytest.approx((0.25, 0, 0.25))
    assert [(one.segment, one.value) for one in split.largest] == [
        ("features.s=a", pytest.approx(0.25)),
        ("features.s=b", pytest.approx(0)),
    ]


def test_simpsons_paradox_is_seen():
    """Every segment got better; the whole got worse, since the hard segment grew."""
    split = split_means(
        {"features.s=easy": (90, 100), "features.s=hard": (5, 10)},
        {"features.s=easy": (9.5, 10), "features.s=hard": (60, 100)},
    )
    assert split.total < 0 < split.within
    assert split.mix_share > 1


def test_a_new_segment_and_one_that_is_gone_are_mix():
    """Nothing is known of what it would have been on the other side."""
    split = split_distributions(
        {"features.s=a": [10, 0], "features.s=b": [0, 0]}, {"features.s=a": [0, 0], "features.s=b": [0, 10]}
    )
    assert (split.total, split.mix, split.within) == pytest.approx((1, 1, 0))


def test_noise_is_what_sampling_alone_shows_inside():
    """Means of 300 unchanged pairs of three segments."""
    generator = np.random.default_rng(1)
    p, sizes = np.array([0.2, 0.3, 0.5]), (200, 500, 1000)
    splits = []
    for _ in range(300):
        f, g = ({f"features.s={n}": generator.multinomial(n, p) for n in sizes} for _ in range(2))
        splits.append(split_distributions(f, g))
    assert np.mean([s.within for s in splits]) == pytest.approx(np.mean([s.noise for s in splits]), rel=0.07)


def profiles(build, counts, field="features.x"):
    return {name: build.profile({field: build.cells(cells)}) for name, cells in counts.items()}


def test_rows_of_no_segment_are_a_segment_of_their_own(build):
    """The whole is given under the empty name."""
    before = profiles(build, {"": [100, 100], "features.s=a": [80, 20]})
    now = profiles(build, {"": [160, 40], "features.s=a": [80, 20]})
    split = decompose(before, now, "features.x", build.categories(2))
    assert split.total == pytest.approx(0.3)
    assert split.largest[0].segment == OTHER
    assert split.by == ("features.s",)
    assert (split.name, split.mix) == ("features.x", pytest.approx(0))


def test_numbers_are_compared_on_ten_bins_and_categories_as_they_are(build):
    """So that the total of categories is the judged total variation; a field without rows is not compared."""
    generator = np.random.default_rng(2)
    many = build.categories(40)
    f, g = generator.integers(1, 50, 40), generator.integers(1, 50, 40)
    split = decompose(profiles(build, {"": f}), profiles(build, {"": g}), "features.x", many)
    expected = DRIFT_MEASURES["total_variation"].effect(np.append(f, 0), np.append(g, 0), many)
    assert split.total == pytest.approx(float(expected))
    x = generator.normal(size=5000)
    bins = build.bins(x)
    one = {"": build.profile({"features.x": build.count(x, bins)})}
    other = {"": build.profile({"features.x": build.count(x + 0.5, bins)})}
    assert decompose(one, other, "features.x", bins).total == pytest.approx(0.2, abs=0.02)
    assert decompose(one, other, "features.absent", bins) is None
    assert decompose({}, {}, "features.x", bins) is None


@pytest.mark.parametrize("metric", sorted(MEANS))
def test_every_mean_is_split(build, metric):
    """The change of the whole's own value."""

    def outcomes(right, wrong, factor):
        n = right + wrong
        return OutcomeProfile(
            build.key(),
            n,
            confusion={("1", "1"): right, ("0", "1"): wrong},
            scored=n,
            valued=n,
            log_loss=n * factor,
            brier=n * factor,
            error=n * factor,
            absolute_error=n * factor,
            covered=right,
        )

    a, b = outcomes(80, 20, 0.5), outcomes(30, 70, 2.0)
    before, now = {"": a + b, "features.s=a": a}, {"": a + b + b + b, "features.s=a": a}
    split = decompose_mean(before, now, metric)
    value = {name: MEANS[metric](side[""]) for name, side in (("before", before), ("now", now))}
    assert split.total == pytest.approx(value["now"][0] / value["now"][1] - value["before"][0] / value["before"][1])
    assert split.within == pytest.approx(0)
    assert decompose_mean(before, now, "roc_auc") is None
    assert decompose_mean({}, now, metric) is None
    assert decompose_mean(before, before, metric).mix_share == 0
    endless = {"": replace(a, log_loss=np.inf, brier=np.inf, error=np.inf, absolute_error=np.inf)}
    assert (decompose_mean(endless, now, metric) is None) == (metric not in ("accuracy", "quantile_coverage"))


def test_what_is_in_breach_is_explained_by_the_segmentation_with_the_most_mix(build):
    """Of origin and carrier, origin grew; the field of a segmentation is not explained by itself."""
    names = ["features.origin=E", "features.origin=J", "features.carrier=U"]
    fields = ("features.x", "features.origin")
    ref = build.reference(
        [{"features.x": build.cells([100, 100]), "features.origin": build.cells([100, 100])} for _ in range(8)]
    )
    parts = {
        "features.origin=E": {"features.x": build.cells([800, 0]), "features.origin": build.cells([800, 0])},
        "features.origin=J": {"features.x": build.cells([0, 800]), "features.origin": build.cells([0, 800])},
        "features.carrier=U": {"features.x": build.cells([400, 400]), "features.origin": build.cells([400, 400])},
    }
    segments = {name: replace(ref, predictions=build.profile(parts[name])) for name in names}
    ref = replace(ref, segments=segments)
    now = {
        "": {"features.x": build.cells([180, 20]), "features.origin": build.cells([180, 20])},
        "features.origin=E": {"features.x": build.cells([180, 0]), "features.origin": build.cells([180, 0])},
        "features.origin=J": {"features.x": build.cells([0, 20]), "features.origin": build.cells([0, 20])},
        "features.carrier=U": {"features.x": build.cells([90, 10]), "features.origin": build.cells([90, 10])},
    }
    window = {name: build.profile(found) for name, found in now.items()}
    binning = build.binning(**{field.replace(".", "__"): build.categories(2) for field in fields})
    judged = [
        build.context().measurement("total_variation", "data_drift", 0.4, field=field, verdict="critical")
        for field in fields
    ]
    found = explain(judged, ref, window, {}, binning)
    assert set(found) == set(fields)
    assert (found["features.x"].by, found["features.x"].mix_share) == (("features.origin",), pytest.approx(1))
    assert found["features.origin"].by == ("features.carrier",)
    quiet = [msgspec.structs.replace(one, verdict="ok") for one in judged]
    quality = [msgspec.structs.replace(one, purpose="quality", metric="missing_share") for one in judged]
    assert explain([*quiet, *quality], ref, window, {}, binning) == {}
    assert explain(judged, replace(ref, segments={}), window, {}, binning) == {}
    assert isinstance(binning.fields["features.x"], CategoricalBins)
