"""The grammar of Kibana's query language that the checks of panels and searches rest on."""

from __future__ import annotations

import pytest
from tests.unit.present.kibana.kql import KqlError, Use, parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {"match_all": {}}),
        ("a.b : c", {"match": {"a.b": "c"}}),
        ('a:"c d"', {"match_phrase": {"a": "c d"}}),
        ('a : ""', {"match_phrase": {"a": ""}}),
        ('a : "*"', {"match_phrase": {"a": "*"}}),
        ("a : *", {"exists": {"field": "a"}}),
        ("a >= 0.4", {"range": {"a": {"gte": "0.4"}}}),
        ("not a : b", {"bool": {"must_not": {"match": {"a": "b"}}}}),
        (
            "a : (b or c)",
            {"bool": {"should": [{"match": {"a": "b"}}, {"match": {"a": "c"}}], "minimum_should_match": 1}},
        ),
        (
            "a : 1 and b : 2 or not c : 3",
            {
                "bool": {
                    "should": [
                        {"bool": {"filter": [{"match": {"a": "1"}}, {"match": {"b": "2"}}]}},
                        {"bool": {"must_not": {"match": {"c": "3"}}}},
                    ],
                    "minimum_should_match": 1,
                }
            },
        ),
        ("a : 1 AND (b : 2)", {"bool": {"filter": [{"match": {"a": "1"}}, {"match": {"b": "2"}}]}}),
    ],
)
def test_kql_becomes_the_query_kibana_makes(text: str, expected: object) -> None:
    """Phrases, matches, existence, ranges and their combinations."""
    assert parse(text)[0] == expected


@pytest.mark.parametrize(
    "text", ["a :", "a : b c : d", "(a : b", "a : b)", "and a : b", "a == 3", "a : b*", '"x', "a : or"]
)
def test_what_is_no_kql_is_refused(text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(KqlError):
        parse(text)


def test_the_fields_of_a_query_are_known() -> None:
    """With how they are used."""
    assert parse('a : * and b.c > 3 and not d : "e"')[1] == [
        Use("a", "*", "*"),
        Use("b.c", ">", "3"),
        Use("d", ":", "e"),
    ]
