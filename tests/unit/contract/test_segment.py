"""Names of segments."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import UsageError
from driftlog.contract.segment import Between, canonical_segment, fields_of, parse_segment, segment_name

ends = st.floats(-1e6, 1e6).map(lambda x: float(f"{x:.12g}"))
ranges = st.one_of(
    st.tuples(ends, ends).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: Between(*pair)),
    ends.map(lambda x: Between(x, None)),
    ends.map(lambda x: Between(None, x)),
)
fields = st.text(min_size=1, max_size=12).map(lambda text: f"features.{text}")


@given(st.dictionaries(fields, st.one_of(st.text(max_size=20), ranges), min_size=1, max_size=3))
def test_a_name_gives_its_conditions_back(conditions: dict[str, str | Between]) -> None:
    assert parse_segment(segment_name(conditions)) == conditions


@pytest.mark.parametrize(
    "name", ["carrier", "=UA", "a=1&a=2", "a=[1,2]", "a=[2,1)", "a=[,)", "a=[x,1)", "a=[nan,1)", "a=[1)"]
)
def test_other_forms_are_refused_with_the_form_to_write(name: str) -> None:
    with pytest.raises(UsageError, match="segment") as refused:
        parse_segment(name)
    assert "features.carrier=UA" in refused.value.remedy


def test_order_and_prefix_do_not_matter() -> None:
    assert canonical_segment("origin=EWR&carrier=UA") == canonical_segment("features.carrier=UA&features.origin=EWR")
    assert fields_of(["origin=EWR", "carrier=UA&origin=LGA"]) == ["features.carrier", "features.origin"]


def test_the_empty_name_is_everything() -> None:
    assert parse_segment("") == {}
    assert segment_name({}) == ""
