"""Which segments a reference is divided into, and who is in them."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import numpy as np
import pandas as pd
import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.segment import Between, canonical_segment, parse_segment
from driftlog.contract.settings import ModelSettings
from driftlog.profile.binning import build_binning
from driftlog.profile.segmentation import (
    frame_segments,
    missing_segmentations,
    quartile_ranges,
    segment_field,
    segmentations,
)
from driftlog.profile.segments import segment_masks

CREATED = datetime(2026, 3, 3, tzinfo=UTC)


def rows(n: int = 1000, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "features.city": rng.choice(["x", "y", "z"], n, p=[0.2, 0.7, 0.1]),
            "features.age": rng.normal(40, 10, n),
            "features.zone": rng.choice([0.0, 1.0, 2.5], n, p=[0.5, 0.3, 0.2]),
            "model.variant": rng.choice(["a", "b"], n),
        }
    )


def of(*segments: tuple[str, ...], **changes: object) -> ModelSettings:
    return msgspec.structs.replace(ModelSettings(name="m", categorical=("zone",), segments=segments), **changes)


def test_values_come_most_frequent_first_up_to_the_limit() -> None:
    """Names are canonical; numbers declared categorical are values."""
    assert frame_segments(rows(), of(("city",), max_segments=2)) == ("features.city=y", "features.city=x")
    assert frame_segments(rows(), of(("features.zone",))) == ("features.zone=0", "features.zone=1", "features.zone=2.5")
    assert set(frame_segments(rows(), of(("model.variant",)))) == {"model.variant=a", "model.variant=b"}


def test_numbers_are_divided_at_their_quartiles() -> None:
    """Four ranges of a quarter of the rows each, that cover every number once."""
    frame = rows()
    binning = build_binning(frame, of(("age",)), created=CREATED)
    masks = dict(segment_masks(frame, binning))
    assert [mask.mean() for mask in masks.values()] == pytest.approx([0.25] * 4, abs=0.002)
    assert (np.stack(list(masks.values())).sum(axis=0) == 1).all()


@pytest.mark.parametrize(
    ("values", "ranges"),
    [
        ([], []),
        ([5.0, 5.0], []),
        ([0.0, 0.0, 0.0, 9.0], []),
        ([0.0, 1.0], [Between(None, 1.0), Between(1.0, None)]),
        ([-1e308, 1e308], [Between(None, 1e308), Between(1e308, None)]),
        ([1.7e9 + i / 1e6 for i in range(8)], []),
    ],
)
def test_ties_are_merged(values: list[float], ranges: list[Between]) -> None:
    """Quartiles that are equal, also after the rounding of a name, divide nothing; nor does the least value."""
    assert quartile_ranges(np.array(values)) == ranges


def test_crossings_are_the_combinations_that_occur() -> None:
    """The most frequent ones, whatever the kinds of their fields."""
    frame = rows().query("`features.city` != 'z' or `features.zone` == 0")
    names = frame_segments(frame, of(("zone", "city")))
    counts = frame.groupby(["features.city", "features.zone"]).size().sort_values(ascending=False)
    assert len(names) == len(counts) == 7
    assert parse_segment(names[0]) == {
        "features.city": counts.index[0][0],
        "features.zone": f"{counts.index[0][1]:g}",
    }
    assert len(frame_segments(frame, of(("city", "age")))) == 12
    assert len(frame_segments(frame, of(("city", "age"), max_segments=5))) == 5
    assert all(canonical_segment(name) == name for name in names)


def test_segments_make_another_binning() -> None:
    """So that a changed configuration counts everything anew; without segments the id is what it was."""
    plain, segmented, limited = (
        build_binning(rows(), settings, created=CREATED)
        for settings in (of(), of(("city",)), of(("city",), max_segments=2))
    )
    assert len({plain.id, segmented.id, limited.id}) == 3
    assert (plain.segments, len(limited.segments)) == ((), 2)


def test_a_segmentation_by_an_unknown_field_is_refused() -> None:
    """It names the setting, the value and the remedy."""
    with pytest.raises(ConfigError, match=r"models\.m\.segments") as caught:
        build_binning(rows(), of(("city", "county")), created=CREATED)
    assert caught.value.value == "features.county"
    assert "segmentation" in caught.value.remedy


def test_a_field_without_values_makes_no_segments(caplog: pytest.LogCaptureFixture) -> None:
    """A constant number, an empty column: a warning."""
    frame = rows().assign(**{"features.age": 1.0, "features.city": None})
    assert frame_segments(frame, of(("age",), ("city",), ("age", "city"))) == ()
    assert len(caplog.records) == 3


def test_names_too_long_to_index_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    """With a warning."""
    frame = pd.DataFrame({"features.a": ["x" * 1020, "y"]})
    assert frame_segments(frame, of(("a",))) == ("features.a=y",)
    assert "too long" in caplog.text


def test_changed_segmentations_are_noticed() -> None:
    """A reference set before the configuration changed does not count them."""
    binning = build_binning(rows(), of(("city",), ("age", "city")), created=CREATED)
    assert missing_segmentations(binning, of(("city",), ("city", "age"))) == []
    assert missing_segmentations(binning, of(("city",), ("zone",))) == [("features.zone",)]
    assert segmentations(of(("city", "city"), ("features.city",))) == [("features.city",)]
    assert segment_field("labels.region") == "labels.region"
