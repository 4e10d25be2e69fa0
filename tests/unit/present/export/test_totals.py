"""Counters made of stocks that may shrink."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import UsageError
from driftlog.present.export.totals import Totals

LABELS = (("model", "churn"),)


def look(totals: Totals, stocks: dict[str, float], name: str = "seen") -> float | None:
    for slot, stock in stocks.items():
        totals.note(name, LABELS, slot, [stock])
    totals.settle()
    return next(iter(totals.value(name, LABELS)), None)


def test_a_counter_starts_at_zero_whatever_is_stored() -> None:
    """Else a restart after a dropped period would look like a burst of old predictions."""
    assert look(Totals(), {"2026-03-01": 1000}) == 0


def test_it_grows_as_the_stock_does() -> None:
    """Of every day by itself, late events of an older day included."""
    totals = Totals()
    look(totals, {"2026-03-01": 1000, "2026-03-02": 5})
    assert look(totals, {"2026-03-01": 1003, "2026-03-02": 12}) == 10


def test_a_dropped_day_takes_nothing_away() -> None:
    """Retention drops whole periods; what was counted has happened."""
    totals = Totals()
    look(totals, {"2026-03-01": 10, "2026-03-02": 5})
    look(totals, {"2026-03-01": 20, "2026-03-02": 5})
    assert look(totals, {"2026-03-02": 6}) == 11


def test_an_erased_day_has_to_grow_beyond_where_it_was() -> None:
    """A bucket counted anew with fewer events does not go back, nor count its events twice."""
    totals = Totals()
    look(totals, {"d": 10})
    assert [look(totals, {"d": n}) for n in (15, 12, 14, 16)] == [5, 5, 5, 6]


def test_a_series_that_turns_up_later_is_zero_at_first() -> None:
    """Prometheus sees no increase in a series' first value."""
    totals = Totals()
    totals.settle()
    assert [look(totals, {"d": n}) for n in (7, 9)] == [0, 9]


def test_a_look_that_broke_off_counts_nothing_twice() -> None:
    """Elasticsearch went away between the notes and their end."""
    totals = Totals()
    look(totals, {"d": 10})
    totals.note("seen", LABELS, "d", [10])
    totals.begin()
    assert look(totals, {"d": 12}) == 2


def test_a_series_that_is_gone_is_forgotten() -> None:
    """Versions come and go; a process that runs for years does not keep them all."""
    totals = Totals()
    look(totals, {"d": 7})
    totals.settle()
    assert totals.every("seen") == []


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.integers(0, 50), min_size=1), min_size=1, max_size=12))
def test_no_counter_ever_goes_back(looks: list[dict[str, int]]) -> None:
    """Whatever happens to the stock, as long as the series is there."""
    totals = Totals()
    values = [look(totals, {slot: float(n) for slot, n in stocks.items()}) for stocks in looks]
    assert values == sorted(values)


def test_with_a_file_counters_go_on_over_a_restart(tmp_path: Path) -> None:
    """And what came while the process was away is counted then."""
    file = tmp_path / "state.json"
    before = Totals(file)
    look(before, {"d": 10})
    look(before, {"d": 14})
    after = Totals(file)
    assert look(after, {"d": 20, "e": 1}) == 11
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    """With what to do about it."""
    file = tmp_path / "state.json"
    file.write_text('{"format": 1, "values": 3}')
    with pytest.raises(UsageError, match="no state of counters"):
        Totals(file)


class Compared(tuple[tuple[str, str], ...]):
    """Labels that count how often they are compared."""

    times = 0
    __hash__ = tuple.__hash__

    def __eq__(self, other: object) -> bool:
        Compared.times += 1
        return tuple.__eq__(self, other)


def test_many_new_series_are_not_compared_with_one_another() -> None:
    """A thousand versions that come at once do not stand still what shows them."""
    totals, n = Totals(), 300
    for version in range(n):
        totals.note("seen", Compared((("version", str(version)),)), "d", [1])
    Compared.times = 0
    totals.settle()
    assert len(totals.every("seen")) == n
    assert Compared.times < 20 * n
