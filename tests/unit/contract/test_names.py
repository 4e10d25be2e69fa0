"""Names are checked before they reach a URL, an index name or a field name."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import NameRefused
from driftlog.contract.names import IndexNames, check_feature_name, check_model_name, check_prefix


@pytest.mark.parametrize("name", ["churn", "churn-v2", "0", "a" * 64, "a_b"])
def test_model_names_are_accepted(name: str) -> None:
    """Lower case, digits, hyphen and underscore."""
    assert check_model_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "Churn", "a.b", "../x", "a*", "a/b", "-a", "_a", "a" * 65, "a b", "ä", "a\n", None, 3, ["a"], {}]
)
def test_other_model_names_are_refused(name: object) -> None:
    """Anything that could leave its place in a URL or match another model's pattern."""
    with pytest.raises(NameRefused, match="is not a model name"):
        check_model_name(name)


@given(st.text())
def test_an_accepted_model_name_is_safe_in_an_index_name(name: str) -> None:
    """What passes has no character that Elasticsearch or a URL treats specially."""
    try:
        accepted = check_model_name(name)
    except NameRefused:
        return
    assert not set(accepted) & set('\\/*?"<>| ,#:.%&=+') and accepted == accepted.lower()


@pytest.mark.parametrize("name", ["", "a*", "a..b", ".a", "a.", "a\x00b", "x" * 257, 7, " "])
def test_feature_names_that_cannot_be_fields_are_refused(name: object) -> None:
    """Empty parts, wildcards and control characters."""
    with pytest.raises(NameRefused):
        check_feature_name(name)


@pytest.mark.parametrize("name", ["age", "user.age", "größe", "日本", "a b", "a-b", "A"])
def test_feature_names_in_any_language_are_accepted(name: str) -> None:
    """Dots make leaves, not objects."""
    assert check_feature_name(name) == name


def test_a_long_refused_name_is_shown_short() -> None:
    """A 10 MB name does not make a 10 MB message."""
    with pytest.raises(NameRefused) as caught:
        check_model_name("X" * 10_000_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("prefix", ["", "Drift", "-d", "a.b", "a*", ".x", "9a"])
def test_prefixes_that_could_reach_other_indices_are_refused(prefix: str) -> None:
    """A prefix never holds a wildcard, a dot or a leading hyphen."""
    with pytest.raises(NameRefused):
        check_prefix(prefix)
    with pytest.raises(NameRefused):
        IndexNames(prefix)


def test_the_period_is_that_of_the_event_in_utc() -> None:
    """Half past midnight in Tokyo on 1 March is still February in UTC."""
    tokyo = timezone(timedelta(hours=9))
    names = IndexNames("driftlog")
    assert names.predictions("churn", datetime(2026, 3, 1, 0, 30, tzinfo=tokyo)) == "driftlog-predictions.churn.2026-02"
    assert IndexNames("d", "day").predictions("c", datetime(2026, 3, 1, tzinfo=UTC)) == "d-predictions.c.2026-03-01"
    assert IndexNames("d", "year").predictions("c", datetime(2026, 3, 1, tzinfo=UTC)) == "d-predictions.c.2026"


def test_the_pattern_of_one_model_does_not_match_another() -> None:
    """churn's pattern leaves churn-v2 alone."""
    import fnmatch

    names = IndexNames("driftlog")
    other = names.predictions("churn-v2", datetime(2026, 3, 1, tzinfo=UTC))
    assert not fnmatch.fnmatch(other, names.all_predictions("churn"))
    assert fnmatch.fnmatch(other, names.all_predictions())
