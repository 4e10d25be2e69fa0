"""The configuration language of Logstash 9, as a grammar: sections, plugins, conditionals, values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lark import Lark, Token, Transformer, Tree

GRAMMAR = r"""
start: section*
section: SECTION "{" statement* "}"
statement: branch | plugin
plugin: name "{" attribute* "}"
attribute: name "=>" value
?value: plugin | BAREWORD | string | NUMBER | array | hash
array: "[" [value ("," value)*] "]"
hash: "{" entry* "}"
entry: (NUMBER | BAREWORD | string) "=>" value
branch: IF condition "{" statement* "}" (ELSE_IF condition "{" statement* "}")* [ELSE "{" statement* "}"]
condition: expression (BOOLEAN expression)*
?expression: "(" condition ")" | "!" "(" condition ")" | "!" selector
    | rvalue COMPARE rvalue | rvalue MATCH (string | REGEXP) | rvalue "in" rvalue | rvalue "not" "in" rvalue | rvalue
?rvalue: string | NUMBER | selector | array | REGEXP
selector: SELECTOR
name: BAREWORD | string
string: STRING

IF.4: /if(?=[\s(!\["'])/
ELSE_IF.5: /else\s+if(?=[\s(!\["'])/
ELSE.4: /else(?=[\s{])/
SECTION.3: "input" | "filter" | "output"
BOOLEAN.3: "and" | "or" | "xor" | "nand"
COMPARE: "==" | "!=" | "<=" | ">=" | "<" | ">"
MATCH: "=~" | "!~"
SELECTOR: /(\[[^\]\[,"' ]+\])+/
BAREWORD: /[A-Za-z_][A-Za-z0-9_-]+/
NUMBER: /-?[0-9]+(\.[0-9]*)?/
STRING: /"(?:\\["]|[^"])*"|'(?:\\[']|[^'])*'/
REGEXP: /\/(\\\/|[^\/\n])+\//
COMMENT: /#[^\r\n]*/
%import common.WS
%ignore WS
%ignore COMMENT
"""
_PARSER = Lark(GRAMMAR, parser="lalr", maybe_placeholders=False)


@dataclass(frozen=True)
class Plugin:
    """One plugin with its settings; `section` is input, filter, output or codec."""

    section: str
    name: str
    settings: dict[str, Any]


class _Values(Transformer[Token, Any]):
    def string(self, parts: list[Token]) -> str:
        return str(parts[0])[1:-1]

    def name(self, parts: list[Any]) -> str:
        return str(parts[0])

    def array(self, parts: list[Any]) -> list[Any]:
        return [_plain(part) for part in parts]

    def entry(self, parts: list[Any]) -> tuple[str, Any]:
        return str(parts[0]), _plain(parts[1])

    def hash(self, parts: list[Any]) -> dict[str, Any]:
        return dict(parts)

    def attribute(self, parts: list[Any]) -> tuple[str, Any]:
        return str(parts[0]), _plain(parts[1])

    def plugin(self, parts: list[Any]) -> Plugin:
        names = [name for name, _ in parts[1:]]
        assert len(names) == len(set(names)), f"{parts[0]}: an option is given twice: {names}"
        return Plugin("", parts[0], dict(parts[1:]))


def _plain(value: Any) -> Any:
    if isinstance(value, Token):
        text = str(value)
        if value.type == "NUMBER":
            return float(text)
        return {"true": True, "false": False}.get(text, text)
    return value


def parse(text: str) -> list[Plugin]:
    """Every plugin of a configuration, codecs included; raises lark's error where it cannot be read."""
    tree = _Values().transform(_PARSER.parse(text))
    found = []
    for section in tree.children:
        for plugin in _plugins(section):
            found.append(Plugin(str(section.children[0]), plugin.name, plugin.settings))
            for value in plugin.settings.values():
                if isinstance(value, Plugin):
                    found.append(Plugin("codec", value.name, value.settings))
            codec = plugin.settings.get("codec")
            if isinstance(codec, str):
                found.append(Plugin("codec", codec, {}))
    return found


def _plugins(tree: Tree[Any]) -> Iterator[Plugin]:
    for child in tree.children:
        if isinstance(child, Plugin):
            yield child
        elif isinstance(child, Tree):
            yield from _plugins(child)
