"""Kibana's query language: a grammar, and the Elasticsearch query Kibana makes of it.

As in Kibana: ``not`` binds stronger than ``and``, ``and`` stronger than ``or``; a quoted value is a phrase, an
unquoted one is matched, ``*`` asks whether there is a value. Wildcards inside a value are refused: Kibana turns them
into a query string, which is slow and nothing here needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Transformer
from lark.exceptions import LarkError

GRAMMAR = r"""
?start: or_
?or_: and_ (_OR and_)*
?and_: not_ (_AND not_)*
?not_: _NOT not_ -> negated
     | "(" or_ ")"
     | term
term: FIELD ":" value -> matches
    | FIELD OPERATOR literal -> compares
?value: "(" values ")" | single
?values: single (_OR single)* -> any_of
single: literal
literal: QUOTED | WORD

_OR.3: /or\b/i
_AND.3: /and\b/i
_NOT.3: /not\b/i
OPERATOR: "<=" | ">=" | "<" | ">"
FIELD.1: /(?!(or|and|not)\b)[A-Za-z@_][A-Za-z0-9@_.-]*(?=\s*(:|<|>))/i
QUOTED: /"(\\.|[^"\\])*"/
WORD: /(?!(or|and|not)\b)[^\s()<>:"{}]+/i
%ignore /\s+/
"""

Query = dict[str, Any]


@dataclass(frozen=True)
class Use:
    """A field used by a query: whether it exists (``*``), is matched (``:``) or compared (``<`` and so on)."""

    field: str
    how: str
    value: str


class KqlError(ValueError):
    """The text is no KQL that Kibana and Elasticsearch understand."""


@dataclass(frozen=True)
class _Literal:
    text: str
    quoted: bool


class _Making(Transformer[Token, Query]):
    """Parse tree -> Elasticsearch query; keeps what it used."""

    def __init__(self) -> None:
        super().__init__()
        self.uses: list[Use] = []

    def literal(self, parts: list[Token]) -> _Literal:
        (token,) = parts
        if token.type == "QUOTED":
            return _Literal(token[1:-1].replace('\\"', '"').replace("\\\\", "\\"), quoted=True)
        if "*" in token and token != "*":
            raise KqlError(f"wildcard in {token!r}")
        return _Literal(str(token), quoted=False)

    def single(self, parts: list[_Literal]) -> list[_Literal]:
        return parts

    def any_of(self, parts: list[list[_Literal]]) -> list[_Literal]:
        return [literal for part in parts for literal in part]

    def matches(self, parts: list[Any]) -> Query:
        field, literals = str(parts[0]), parts[1]
        return _any([self._match(field, literal) for literal in literals])

    def _match(self, field: str, literal: _Literal) -> Query:
        there = literal.text == "*" and not literal.quoted
        self.uses.append(Use(field, "*" if there else ":", literal.text))
        if there:
            return {"exists": {"field": field}}
        return {"match_phrase" if literal.quoted else "match": {field: literal.text}}

    def compares(self, parts: list[Any]) -> Query:
        field, operator, literal = str(parts[0]), str(parts[1]), parts[2]
        self.uses.append(Use(field, operator, literal.text))
        names = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
        return {"range": {field: {names[operator]: literal.text}}}

    def negated(self, parts: list[Query]) -> Query:
        return {"bool": {"must_not": parts[0]}}

    def and_(self, parts: list[Query]) -> Query:
        return {"bool": {"filter": parts}}

    def or_(self, parts: list[Query]) -> Query:
        return _any(parts)


def _any(parts: list[Query]) -> Query:
    return parts[0] if len(parts) == 1 else {"bool": {"should": parts, "minimum_should_match": 1}}


@lru_cache(maxsize=1)
def _parser() -> Lark:
    return Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[Query, list[Use]]:
    """The query and the fields it uses; an empty text matches everything.

    Raises
    ------
    KqlError
        The text is no KQL.
    """
    if not text.strip():
        return {"match_all": {}}, []
    making = _Making()
    try:
        tree = _parser().parse(text)
        return making.transform(tree), making.uses
    except LarkError as error:
        raise KqlError(f"{text!r}: {error}") from error
