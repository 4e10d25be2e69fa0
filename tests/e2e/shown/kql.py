"""The part of Kibana's query language that rules use, as the query that Kibana makes of it.

``field: "phrase"``, ``field: true``, ``field >= 2``, ``not`` and ``and``.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from lark import Lark, Transformer
from lark.exceptions import LarkError, VisitError

GRAMMAR = r"""
start: clause ("and" clause)*
?clause: "not" match -> negated
       | match
?match: FIELD ":" value    -> is_value
      | FIELD ">=" NUMBER  -> at_least
value: ESCAPED_STRING      -> phrase
     | BARE                -> word
FIELD: /[A-Za-z@_][A-Za-z0-9_.]*/
BARE: /true|false|-?[0-9]+(\.[0-9]+)?/
NUMBER: /-?[0-9]+(\.[0-9]+)?/
%import common.ESCAPED_STRING
%import common.WS
%ignore WS
"""
Query = dict[str, Any]


@cache
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="earley")


def _should(query: Query) -> Query:
    return {"bool": {"should": [query], "minimum_should_match": 1}}


class _Queries(Transformer[Any, Query]):
    """What `toElasticsearchQuery` makes of each clause: a quoted value is a phrase, and no pattern."""

    def phrase(self, parts: list[Any]) -> tuple[str, Any]:
        return "match_phrase", json.loads(parts[0])

    def word(self, parts: list[Any]) -> tuple[str, Any]:
        return "match", json.loads(parts[0])

    def is_value(self, parts: list[Any]) -> Query:
        field, (kind, value) = str(parts[0]), parts[1]
        return _should({kind: {field: value}})

    def at_least(self, parts: list[Any]) -> Query:
        return _should({"range": {str(parts[0]): {"gte": str(parts[1])}}})

    def negated(self, parts: list[Any]) -> Query:
        return {"bool": {"must_not": parts[0]}}

    def start(self, parts: list[Any]) -> Query:
        return parts[0] if len(parts) == 1 else {"bool": {"filter": parts}}


def parse_kql(text: str) -> Query:
    """The query of `text`; ValueError where it is no KQL of this part."""
    try:
        found: Query = _Queries().transform(_parser().parse(text))
    except (LarkError, VisitError) as error:
        raise ValueError(str(error)) from error
    return found
