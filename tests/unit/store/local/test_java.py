"""Java is found wherever it is, and the newest that fits is taken."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from driftlog.contract.errors import JavaNotFound
from driftlog.store.local.account import Account
from driftlog.store.local.java import Java, ask, choose, fetch_java, fetched_homes, installed, read_release

SELF = Account(os.geteuid(), os.getegid(), "self", drop=False)


def plant(home: Path, version: str | None, script: str = "exit 0") -> Path:
    """Put a Java home into a fake folder tree."""
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    if version is not None:
        (home / "release").write_text(f'IMPLEMENTOR="Eclipse"\nJAVA_VERSION="{version}"\nOS_NAME="Linux"\n')
    return home


def nothing_fetched() -> Path:
    raise JavaNotFound("none could be fetched (no network)")


def test_an_older_java_earlier_in_the_path_is_skipped(tmp_path: Path) -> None:
    """Java 17 on the PATH does not hide a Java 21 in /usr/lib/jvm."""
    old = plant(tmp_path / "usr/lib/jvm/java-17", "17.0.12")
    new = plant(tmp_path / "usr/lib/jvm/temurin-21", "21.0.4")
    chosen = choose(SELF, {"PATH": str(old / "bin")}, root=tmp_path, fetch=nothing_fetched)
    assert chosen == Java(new, "21.0.4")


@pytest.mark.parametrize(
    "folder",
    [
        "usr/lib/jvm/temurin-25",
        "opt/java/openjdk",
        "opt/jdk-25",
        "Library/Java/JavaVirtualMachines/temurin-25.jdk/Contents/Home",
        "opt/homebrew/opt/openjdk@25/libexec/openjdk.jdk/Contents/Home",
        "usr/local/opt/openjdk/libexec/openjdk.jdk/Contents/Home",
        "home/linuxbrew/.linuxbrew/opt/openjdk/libexec",
    ],
)
def test_the_usual_folders_are_searched(tmp_path: Path, folder: str) -> None:
    """Linux packages, macOS installers and Homebrew each have their place."""
    home = plant(tmp_path / folder, "25.0.1")
    assert [java.home for java in installed({}, root=tmp_path)] == [home]


@pytest.mark.parametrize("folder", [".sdkman/candidates/java/25-tem", ".jdks/temurin-25", ".asdf/installs/java/25"])
def test_folders_of_version_managers_are_searched(tmp_path: Path, folder: str) -> None:
    """SDKMAN!, IDEs and asdf keep theirs in the user's home."""
    home = plant(tmp_path / "ada" / folder, "25.0.1")
    assert [java.home for java in installed({"HOME": str(tmp_path / "ada")}, root=tmp_path / "none")] == [home]


def test_java_home_and_links_on_the_path_lead_to_one_java(tmp_path: Path) -> None:
    """The same Java by JAVA_HOME, by a link on the PATH and by its folder is one Java."""
    home = plant(tmp_path / "usr/lib/jvm/java-25", "25")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/java").symlink_to(home / "bin/java")
    variables = {"JAVA_HOME": str(home), "PATH": f"{tmp_path / 'bin'}{os.pathsep}"}
    assert installed(variables, root=tmp_path) == (Java(home, "25"),)


def test_the_tested_version_goes_before_newer_ones_and_those_before_none(tmp_path: Path) -> None:
    """25 first, then down to 21, then upwards; too old ones last."""
    for version in ("17.0.1", "27", "21.0.2", "25.0.1", "26.0.1", "24"):
        plant(tmp_path / f"usr/lib/jvm/java-{version}", version)
    assert [java.major for java in installed({}, root=tmp_path)] == [25, 24, 21, 26, 27, 17]


def test_a_java_that_cannot_be_run_is_passed_over(tmp_path: Path) -> None:
    """One built for another processor fails when started; the next best is taken."""
    plant(tmp_path / "usr/lib/jvm/java-25", "25.0.1", script="exit 126")
    good = plant(tmp_path / "usr/lib/jvm/java-21", "21.0.2")
    assert choose(SELF, {}, root=tmp_path, fetch=nothing_fetched).home == good


def test_a_java_without_release_file_is_asked(tmp_path: Path) -> None:
    """Shims of version managers only know when they are run."""
    says = "echo '    java.home = /opt/real' >&2; echo '    java.version = 22.0.1' >&2"
    assert ask(plant(tmp_path / "shim", None, script=says) / "bin/java") == Java(Path("/opt/real"), "22.0.1")


def test_a_stub_that_is_no_java_is_no_java(tmp_path: Path) -> None:
    """The stub of macOS prints where to get one and fails."""
    home = plant(tmp_path / "usr", None, script="echo 'Unable to locate a Java Runtime.' >&2; exit 1")
    assert installed({"JAVA_HOME": str(home)}, root=tmp_path / "none") == ()


def test_a_folder_without_program_is_no_java(tmp_path: Path) -> None:
    """A release file alone, left by an uninstaller, is not enough."""
    (tmp_path / "release").write_text('JAVA_VERSION="25"\n')
    assert read_release(tmp_path) is None


def test_where_none_fits_one_is_fetched(tmp_path: Path) -> None:
    """The fetched one is used like any other."""
    plant(tmp_path / "usr/lib/jvm/java-17", "17.0.12")
    fetched = plant(tmp_path / "cache/v0/jdks/abc/jdk-25", "25.0.1")
    assert choose(SELF, {}, root=tmp_path, fetch=lambda: fetched).version == "25.0.1"
    assert fetched_homes(tmp_path / "cache") == [fetched]


def test_without_any_java_the_message_says_what_was_found_and_what_to_install(tmp_path: Path) -> None:
    """What is there, why it does not do, why none was fetched, and the commands."""
    old = plant(tmp_path / "usr/lib/jvm/java-17", "17.0.12")
    with pytest.raises(JavaNotFound) as caught:
        choose(SELF, {}, root=tmp_path, fetch=nothing_fetched)
    said = str(caught.value)
    assert f"Java 17.0.12 at {old} is older than 21" in said
    assert "none could be fetched (no network)" in said
    assert all(command in said for command in ("apt install", "dnf install", "brew install", "JAVA_HOME"))


def test_offline_fetches_no_java(tmp_path: Path) -> None:
    """Offline is said so, at once."""
    with pytest.raises(JavaNotFound, match="offline"):
        fetch_java(tmp_path, offline=True, progress=print)


def test_a_fetch_without_network_names_the_proxy_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that is not there stands for a network that is not there."""
    pytest.importorskip("cjdk")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with pytest.raises(JavaNotFound, match="HTTPS_PROXY"):
        fetch_java(tmp_path, offline=False, progress=lambda message: None)
