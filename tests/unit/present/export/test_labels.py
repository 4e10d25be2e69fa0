"""Label values, and limits of series."""

from __future__ import annotations

from driftlog.present.export.labels import MAX_LABEL, capped, clean, series, unique
from driftlog.present.export.reading import INFINITY, Buckets, Reading


def gauge(name: str, model: str | None, value: float = 1.0) -> Reading:
    return Reading(name, "gauge", value, {} if model is None else {"model": model})


def test_label_values_are_printable_and_short() -> None:
    """Line breaks, lone surrogates and control signs are spaces; unicode stays."""
    assert clean("Größe\x00\ud800\u2028x") == "Größe   x"
    assert len(clean("x" * 10_000)) == MAX_LABEL


def test_a_model_has_at_most_so_many_series() -> None:
    """The first ones are kept; what belongs to no model always is."""
    found = [gauge(f"a{n}", "churn") for n in range(5)] + [gauge("b", "fraud"), gauge("up", None)]
    kept, dropped = capped(found, a_model=3, total=100)
    assert [one.name for one in kept] == ["a0", "a1", "a2", "b", "up"]
    assert dropped == {"churn": 2}


def test_all_models_together_have_at_most_so_many() -> None:
    """Hundreds of models stay within what Prometheus can take."""
    found = [gauge("a", f"m{n}") for n in range(10)]
    kept, dropped = capped(found, a_model=5, total=4)
    assert len(kept) == 4
    assert sum(dropped.values()) == 6


def test_a_histogram_counts_as_what_it_becomes() -> None:
    """A series a bucket, one of the sum and one of the count."""
    buckets = Buckets((1.0, INFINITY), (1, 2), 3.0)
    assert series(Reading("h", "histogram", None, {"model": "m"}, buckets=buckets)) == 4


def test_of_equal_series_the_first_stays() -> None:
    """Two values whose cleaned labels are the same would make the whole page unreadable."""
    assert [one.value for one in unique([gauge("a", "m", 1), gauge("a", "m", 2)])] == [1]
