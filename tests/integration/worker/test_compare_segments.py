"""Comparisons of a segment that the settings watch: profiles, outcomes and the stored reference keep it apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
import pytest
from tests.integration.api.traffic import BEFORE, DAYS, SETTINGS, Traffic, days, traffic

from driftlog.contract.comparison import Comparison, Side
from driftlog.worker.compare import compare
from driftlog.worker.sides import count_side

pytestmark = pytest.mark.elasticsearch

WATCHED = msgspec.structs.replace(SETTINGS, segments=(("plan",),))


@pytest.fixture(scope="module")
def there(elasticsearch_url: str) -> Iterator[Traffic]:
    with traffic(elasticsearch_url, WATCHED) as made:
        yield made


def run(there: Traffic, current: Side, reference: Side | str) -> Comparison:
    return compare(there.store, there.settings, current, reference, now=lambda: datetime(2026, 4, 1, tzinfo=UTC))


def test_a_watched_segment_is_read_from_its_profiles(there: Traffic) -> None:
    """Counts and outcomes of the segment alone, as pandas finds them."""
    found = run(there, Side(days(BEFORE, DAYS), "plan=plus"), Side(days(0, BEFORE), "plan=plus"))
    frame = there.between(BEFORE, DAYS)
    plus = frame[frame["plan"] == "plus"]
    counted = count_side(there.store, there.settings, found.binning, Side(days(BEFORE, DAYS), "features.plan=plus"))
    assert (counted.stored, counted.sampled) == (True, False)
    assert found.now.n == counted.predictions.n == len(plus)
    (accuracy,) = [m for m in found.measurements if m.metric == "accuracy"]
    assert accuracy.value == pytest.approx((plus["label"] == plus["actual"]).mean())
    assert not any("random sample" in note for note in found.notes)


def test_a_stored_reference_has_its_own_part_of_the_segment(there: Traffic) -> None:
    """Rows of the segment only, on both sides."""
    found = run(there, Side(days(12, 13), "plan=plus"), "active")
    before = there.between(0, BEFORE)
    assert found.before.n == (before["plan"] == "plus").sum()
    assert found.chunks == BEFORE and found.reference_id == there.reference_id
