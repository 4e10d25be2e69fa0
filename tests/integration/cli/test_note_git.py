"""A note keeps which code it is about."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run

pytestmark = pytest.mark.elasticsearch


def test_a_note_keeps_the_commit(
    elasticsearch_url: str,
    prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Commit, branch and remote without credentials; a folder without a commit is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    Path("driftlog.yml").write_text(
        f"prefix: {prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\nmodels: {{churn: {{}}}}\n"
    )
    code = tmp_path / "code"
    code.mkdir()
    git = ("git", "-C", str(code), "-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    subprocess.run([*git, "init", "-q", "-b", "main"], check=True)
    assert run(["setup"]) == exits.OK
    assert run(["note", "too early", "--repository", str(code)]) == exits.USAGE
    subprocess.run([*git, "remote", "add", "origin", "https://ada:secret@git.example.org/churn.git"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    capsys.readouterr()
    assert run(["note", "new client", "--model", "churn", "--repository", str(code)]) == exits.OK
    assert f"at commit {commit[:12]}" in capsys.readouterr().out
    assert run(["note", "again", "--model", "churn", "--repository", str(code), "--json"]) == exits.OK
    out = capsys.readouterr().out
    kept = json.loads(out)["entry"]["details"]["git"]
    assert kept["commit"] == commit
    assert (kept["branch"], kept["remote"]) == ("main", "https://git.example.org/churn.git")
    assert "secret" not in out
