"""Every `driftlog ...` in README.md and in docs is a command that there is, with options and values that it takes.

docs/cli.md is generated from the commands; docs/deploy.md, whose scripts have variables, is tested as a whole in
tests/unit/deploy/test_deploy_page.py.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import pytest
from tests.unit.deploy.command_lines import of_shell, parse

from driftlog.cli.app import app
from driftlog.cli.session import Session

ROOT = Path(__file__).parents[3]
ELSEWHERE = ("cli.md", "deploy.md")
PAGES = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.name not in ELSEWHERE)]

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
PROMPTED = ("console", "text", "")
"""In blocks of these languages a command has a prompt; where none has, its line begins with ``driftlog``."""


def commands(text: str) -> Iterator[list[str]]:
    """Arguments of every call in the page's blocks.

    >>> list(commands("```text\\n$ driftlog import a \\\\\\n    b.csv | head\\ndone\\n```\\n"))
    [['import', 'a', 'b.csv']]
    """
    for _, language, body in BLOCK.findall(text):
        if language not in (*PROMPTED, "sh", "bash"):
            continue
        whole = body.replace("\\\n", " ")
        prompt = (
            "" if language not in PROMPTED else r" *\$ " if re.search(r"^ *\$ ", whole, re.MULTILINE) else "driftlog "
        )
        for line in whole.splitlines():
            if re.match(prompt, line):
                yield from of_shell(re.sub(r"\S*\$\((?=driftlog )", "", line))


def mentions(text: str) -> Iterator[list[str]]:
    """Arguments of every call that the page names in a sentence or a comment, alternatives one by one.

    >>> list(mentions("See `driftlog kibana install, diff` and `driftlog export statsd|otlp --once`."))
    [['kibana', 'install'], ['kibana', 'diff'], ['export', 'statsd', '--once'], ['export', 'otlp', '--once']]
    """
    for line in re.findall(r"`driftlog\s+([a-z][^`]*)`", text):
        for one in _each(re.sub(r", +", "|", line).replace("\\|", "|")):
            yield shlex.split(one)


def _each(line: str) -> Iterator[str]:
    """`a b|c d` as `a b d` and `a c d`; what is quoted stays as it is."""
    found = re.search(r"""(?<!["'\w-])[a-z-]+(\|[a-z-]+)+(?![^"]*"$)""", line)
    if found is None:
        yield line
        return
    for word in found[0].split("|"):
        yield from _each(line[: found.start()] + word + line[found.end() :])


def without_left_out(words: list[str]) -> list[str]:
    """Less options whose value is left out (``--from ...``, ``--from --to``), which the command must have.

    >>> without_left_out(["run", "--from", "--to", "...", "--model", "churn"])
    ['run', '--model', 'churn']
    """
    options, kept = _value_options(words), []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word in options and (not rest or rest[0] == "..." or rest[0].startswith("-")):
            if rest[:1] == ["..."]:
                rest.pop(0)
            continue
        kept.append(word)
    return kept


def _value_options(words: list[str]) -> set[str]:
    command: click.Command = app
    context = click.Context(app, info_name="driftlog", obj=Session())
    for word in words:
        found = command.get_command(context, word) if isinstance(command, click.Group) else None
        if found is None:
            break
        command = found
    options = (param for param in command.params if isinstance(param, click.Option))
    return {name for each in options if not each.is_flag and not each.count for name in each.opts}


def parse_with_files(words: list[str]) -> None:
    """As `parse`; files that are to be read are there."""
    for word in words:
        if re.fullmatch(r"FILE|[\w/-]+\.(csv|parquet|jsonl|json|yml|skops|joblib|log|pem|key|md)", word):
            Path(word).parent.mkdir(parents=True, exist_ok=True)
            Path(word).touch()
    parse(words)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_of_a_page_parses(page: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of its blocks as they stand; those in sentences may leave out values, and what else a command needs."""
    monkeypatch.chdir(tmp_path)
    text, wrong = page.read_text(encoding="utf-8"), []
    for words, complete in [*((each, True) for each in commands(text)), *((each, False) for each in mentions(text))]:
        try:
            if complete:
                parse_with_files(words)
            else:
                with suppress(click.MissingParameter):
                    parse_with_files(without_left_out(words))
        except click.ClickException as error:
            wrong.append(f"driftlog {shlex.join(words)}: {error.format_message()}")
    assert wrong == []


def test_the_pages_have_many() -> None:
    """So that a change of how they are written does not end the test above unseen."""
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    assert sum(len(list(commands(text))) for text in pages) > 80
    assert sum(len(list(mentions(text))) for text in pages) > 120


@pytest.mark.parametrize(
    "text",
    [
        "```console\n$ driftlog reference set churn --window 7d\n```\n",
        "```text\n$ driftlog run churn \\\n    --from 2026-01-01\n```\n",
        "```sh\ntrue && driftlog locol start\n```\n",
        "Use `driftlog local start --secure`.",
        "Use `driftlog alerts MODEL`.",
        "Use `driftlog kibana install, difff`.",
        "Use `driftlog run --from --too`.",
    ],
)
def test_what_does_not_exist_is_found(text: str) -> None:
    """Options, commands, alternatives, arguments that a command does not take."""
    with pytest.raises(click.UsageError) as raised:
        for words in (*commands(text), *mentions(text)):
            parse(without_left_out(words))
    assert not isinstance(raised.value, click.MissingParameter)
