"""What git says about the training code, on real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from driftlog.act.git import git_state

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "t@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-c", "commit.gpgsign=false", *arguments],
        cwd=folder,
        env=ENVIRON | names | {"GIT_CONFIG_GLOBAL": "/dev/null"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.fixture
def code(tmp_path) -> Path:
    folder = tmp_path / "code"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "train.py").write_text("pass\n")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "First")
    return folder


def test_commit_branch_tag_and_remote_are_told(code):
    """Without the credentials in the remote's address."""
    git(code, "tag", "v1.0")
    git(code, "remote", "add", "origin", "https://ada:s3cret@git.example.org/team/churn.git")
    state = git_state(code, environ=ENVIRON)
    assert state.commit == git(code, "rev-parse", "HEAD")
    assert (state.branch, state.tag, state.dirty) == ("main", "v1.0", False)
    assert state.remote == "https://git.example.org/team/churn.git"


@pytest.mark.parametrize("change", ["edit", "new", "staged", "deleted"])
def test_uncommitted_changes_are_seen(code, change):
    """Edited, untracked, staged, deleted; ignored files are none."""
    (code / ".git" / "info" / "exclude").write_text("*.csv\n")
    (code / "data.csv").write_text("1")
    assert not git_state(code, environ=ENVIRON).dirty
    if change in ("edit", "staged"):
        (code / "train.py").write_text("print()\n")
    if change == "new":
        (code / "other.py").write_text("")
    if change == "deleted":
        (code / "train.py").unlink()
    if change == "staged":
        git(code, "add", ".")
    assert git_state(code, environ=ENVIRON).dirty


def test_a_detached_head_and_a_folder_below_are_fine(code):
    """There is no branch then."""
    git(code, "checkout", "-q", "--detach")
    (code / "sub").mkdir()
    state = git_state(code / "sub", environ=ENVIRON)
    assert (len(state.commit), state.branch, state.tag, state.remote) == (40, "", "", "")


def test_no_repository_no_commit_and_no_folder_are_none(tmp_path):
    """Neither fails the registration of a version."""
    assert git_state(tmp_path, environ=ENVIRON) is None
    assert git_state(tmp_path / "missing", environ=ENVIRON) is None
    git(tmp_path, "init", "-q")
    assert git_state(tmp_path, environ=ENVIRON) is None
    assert git_state(tmp_path, environ={"PATH": "/nonexistent"}) is None


def test_a_repository_runs_nothing(code, tmp_path):
    """Its own settings and hooks name programs that are not started."""
    marker = tmp_path / "ran"
    script = tmp_path / "evil"
    script.write_text(f"#!/bin/sh\ntouch {marker}\n")
    script.chmod(0o755)
    git(code, "config", "core.fsmonitor", str(script))
    git(code, "config", "core.pager", str(script))
    hook = code / ".git" / "hooks" / "post-index-change"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(script.read_bytes())
    hook.chmod(0o755)
    os.utime(code / "train.py", (0, 0))
    assert git_state(code, environ=ENVIRON) is not None
    assert not marker.exists()
