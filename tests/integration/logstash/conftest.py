"""JRuby, the Ruby that Logstash 9 brings, to run the scripts of its ruby filters."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from driftlog.store.local.java import installed

JRUBY = "10.0.6.0"
"""That of Logstash 9.6."""
HOME = Path(__file__).parents[3] / "logstash"


class Scripts:
    """The scripts of logstash/filters in one JRuby process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, request: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the harness ended"
        return json.loads(line)

    def run(self, script: str, fields: dict[str, Any], **params: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.ask({"script": script, "params": params, "fields": fields})
        return found


def jruby() -> Path:
    """The jar, fetched once into the user's cache."""
    from jgo.maven import MavenContext, PythonResolver

    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "driftlog" / "jruby"
    context = MavenContext(resolver=PythonResolver(), repo_cache=cache, local_repos=[], timeout=60)
    return Path(context.project("org.jruby", "jruby-complete").at_version(JRUBY).artifact(packaging="jar").resolve())


@contextmanager
def running_scripts() -> Iterator[Scripts]:
    """A JRuby that answers until the block ends."""
    java = next(java for java in installed(os.environ) if java.fits)
    harness = Path(__file__).with_name("harness.rb")
    process = subprocess.Popen(
        [str(java.home / "bin" / "java"), "-Xmx512m", "-jar", str(jruby()), "-Eutf-8:utf-8", str(harness), str(HOME)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
    )
    try:
        yield Scripts(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        code = process.wait(timeout=30)
        if process.stdout is not None:
            process.stdout.close()
    assert code == 0


@pytest.fixture(scope="session")
def scripts() -> Iterator[Scripts]:
    with running_scripts() as running:
        yield running
