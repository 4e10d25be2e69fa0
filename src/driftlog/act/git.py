"""Which code trained a model: commit, branch, tag, uncommitted changes and origin of a folder, as `git` says."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from driftlog.contract.maintenance import GitState, ModelVersion

log = logging.getLogger("driftlog.act.git")

_TIME_LIMIT_S: Final = 30
_QUIET: Final = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "core.pager=cat")
"""Nothing that a repository's own settings could run."""


def git_state(folder: Path | str, *, environ: Mapping[str, str] | None = None) -> GitState | None:
    """State of the code in `folder`; None where there is no repository with a commit, or no git.

    Untracked files that are not ignored count as uncommitted changes. The branch is empty in a detached head.
    """
    path = Path(folder)
    commit = _git(path, environ, "rev-parse", "--verify", "--quiet", "HEAD^{commit}") if path.is_dir() else None
    if not commit:
        return None
    changes = _git(path, environ, "status", "--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    return GitState(
        commit=commit,
        branch=_git(path, environ, "symbolic-ref", "--short", "--quiet", "HEAD") or "",
        tag=_git(path, environ, "describe", "--tags", "--exact-match", "HEAD") or "",
        dirty=changes is None or changes != "",
        remote=without_credentials(_git(path, environ, "config", "--get", "remote.origin.url") or ""),
    )


def with_git(version: ModelVersion, repository: str) -> ModelVersion:
    """`version` with the state of the training code in `repository`, unless it has one."""
    if version.git is not None or not repository:
        return version
    return msgspec.structs.replace(version, git=git_state(Path(repository).expanduser()))


def without_credentials(url: str) -> str:
    """A remote's URL without user, password and query.

    >>> without_credentials("https://ada:ghp_secret@git.example.org:8443/team/churn.git?token=x")
    'https://git.example.org:8443/team/churn.git'
    >>> without_credentials("git@git.example.org:team/churn.git"), without_credentials("/srv/git/churn.git")
    ('git.example.org:team/churn.git', '/srv/git/churn.git')
    """
    if "://" in url:
        parts = urlsplit(url)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    before, colon, rest = url.partition(":")
    return before.rpartition("@")[2] + colon + rest if "/" not in before else url


def _git(folder: Path, environ: Mapping[str, str] | None, *arguments: str) -> str | None:
    """What git prints; None where it fails."""
    given = os.environ if environ is None else environ
    variables = {name: given[name] for name in ("PATH", "HOME") if name in given} | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_PAGER": "cat",
    }
    try:
        answer = subprocess.run(
            ["git", *_QUIET, "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=variables,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("git cannot be asked about %s: %s", folder, type(error).__name__)
        return None
    if answer.returncode and b"dubious ownership" in answer.stderr:
        log.warning("git refuses %s: it belongs to another user; add it to safe.directory", folder)
    return answer.stdout.decode("utf-8", "replace").strip() if answer.returncode == 0 else None
