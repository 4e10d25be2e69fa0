"""Dockerfile and .dockerignore: small, without root, pinned, and made of files that are there."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import PurePosixPath

from tests.unit.deploy.command_lines import parse
from tests.unit.deploy.compose import ROOT, composed, env_file
from tests.unit.deploy.dockerfile import TEXT, image_environment, instructions, stages

from driftlog.store.local.settings import base_folder

KNOWN = {"FROM", "ARG", "ENV", "RUN", "COPY", "USER", "WORKDIR", "EXPOSE", "ENTRYPOINT", "CMD"}


def copied() -> list[str]:
    """What is copied from the project."""
    sources: list[str] = []
    for name, rest in instructions():
        words = shlex.split(rest)
        if name == "COPY" and not any(word.startswith("--from") for word in words):
            sources += [word.removeprefix("./") for word in words[:-1] if not word.startswith("--")]
    return sources


def ignored(path: str) -> bool:
    """Whether .dockerignore leaves a file out; the last line that fits it, or a folder above it, decides."""
    out = False
    for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        rule = line.removeprefix("!")
        if not rule or rule.startswith("#"):
            continue
        parents = [path, *(str(parent) for parent in PurePosixPath(path).parents if str(parent) != ".")]
        names = {rule, rule.removeprefix("**/")}
        if any(fnmatch(each, name) and each.count("/") >= name.count("/") for each in parents for name in names) and (
            "/" in rule or rule == "*" or any(each == rule for each in parents)
        ):
            out = not line.startswith("!")
    return out


def test_only_instructions_that_are_known() -> None:
    """No typing error, nothing of an older style (MAINTAINER, ADD), no shell form where a signal has to arrive."""
    assert {name for name, _ in instructions()} <= KNOWN
    for name, rest in instructions():
        if name in ("ENTRYPOINT", "CMD"):
            assert json.loads(rest), "the exec form"


def test_the_base_is_named_by_its_version() -> None:
    """The same in both stages; as new as the package allows, and no newer than it says it was tried with."""
    base = dict(rest.split("=", 1) for name, rest in instructions() if name == "ARG" and "=" in rest)["PYTHON"]
    version = re.fullmatch(r"(3\.\d+)\.\d+-slim-\w+", base)
    assert version is not None
    assert [rest.split()[0] for name, rest in instructions() if name == "FROM"] == ["python:${PYTHON}"] * 2
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {version[1]}" in project["classifiers"]


def test_the_last_stage_is_not_root_and_builds_nothing() -> None:
    """A numeric user, as Kubernetes' runAsNonRoot wants; the same number as everywhere else."""
    last = stages()[-1]
    assert [rest for name, rest in last if name == "USER"] == ["10001:10001"]
    users = [number for number, (name, _) in enumerate(last) if name == "USER"]
    assert all(name not in ("RUN", "COPY") for name, _ in last[users[-1] :])
    assert not any(word in rest for name, rest in last if name == "RUN" for word in ("pip", "apt", "curl", "chmod 777"))
    assert "10001" in (ROOT / "deploy/setup/certificates.sh").read_text(encoding="utf-8")


def test_its_data_folder_is_its_users_and_lasts() -> None:
    """Not the temporary home: what is trained is kept below a folder that the user owns and a volume is mounted to."""
    environ = image_environment()
    folder = base_folder(environ, root=False, platform="linux")
    assert folder == PurePosixPath("/var/lib/driftlog")
    assert not folder.is_relative_to(environ["HOME"])
    assert any(f"--owner driftlog --group driftlog {folder}" in rest for name, rest in stages()[-1] if name == "RUN")


def test_no_cache_stays_and_no_secret_goes_in() -> None:
    """pip keeps none; no ARG or ENV is a secret."""
    assert "PIP_NO_CACHE_DIR=1" in TEXT
    for name, rest in instructions():
        if name in ("ARG", "ENV"):
            assert not re.search(r"(?i)password|secret|token|api_?key", rest)


def test_what_is_copied_is_there_and_not_ignored() -> None:
    """And what the wheel is made of is copied."""
    sources = copied()
    for source in sources:
        assert (ROOT / source).exists(), source
        probe = source if (ROOT / source).is_file() else f"{source}/x.py"
        assert not ignored(probe), source
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    needed = {*included, "src", "pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    assert needed <= set(sources)


def test_nothing_else_reaches_the_engine() -> None:
    """Neither secrets nor a virtual environment nor data."""
    for path in (
        ".env",
        "deploy/driftlog.env",
        ".git/config",
        ".venv/bin/python",
        "tests/conftest.py",
        "deploy/kubernetes/worker.yaml",
    ):
        assert ignored(path), path
    assert ignored("src/driftlog/__pycache__")
    assert not ignored("deploy/setup/with-secret.sh")
    assert not ignored("src/driftlog/cli/app.py")


def test_extras_are_those_of_the_package() -> None:
    """In the Dockerfile, docker-compose.yml and .env.example alike."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    default = re.search(r"^ARG EXTRAS=(\S+)$", TEXT, re.MULTILINE)
    assert default is not None
    assert set(default[1].split(",")) <= set(extras)
    assert env_file()["DRIFTLOG_EXTRAS"] == default[1]
    assert composed()["services"]["worker"]["build"]["args"]["EXTRAS"] == default[1]
    for line in re.findall(r"EXTRAS=([\w,]+)", TEXT):
        assert set(line.split(",")) <= set(extras)


def test_ports_are_those_of_the_settings() -> None:
    """Of the intake and of the exporter."""
    from driftlog.contract.settings import Settings

    settings = Settings()
    own = {settings.intake.http_port, settings.intake.tcp_port, settings.export.prometheus.port}
    exposed = next(rest for name, rest in instructions() if name == "EXPOSE")
    assert {int(port) for port in exposed.split()} == own


def test_its_commands_exist() -> None:
    """What it runs when it is built, and when nothing else is said."""
    entrypoint = next(json.loads(rest) for name, rest in instructions() if name == "ENTRYPOINT")
    command = next(json.loads(rest) for name, rest in instructions() if name == "CMD")
    assert entrypoint == ["driftlog"]
    parse(command)
    built = [rest for name, rest in instructions() if name == "RUN" and "bin/driftlog" in rest]
    parse(built[0].rsplit("/bin/driftlog", 1)[1].split())
