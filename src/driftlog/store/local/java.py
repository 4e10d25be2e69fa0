"""Find a Java that can run Elasticsearch: the newest that fits, wherever it is on the PATH.

Searched: ``ES_JAVA_HOME``, ``JAVA_HOME``, every ``java`` on the PATH, a Java fetched before, and the folders where
packages, installers and version managers put one. A version is read from the ``release`` file each JDK carries; a
``java`` without one is asked itself. Java 21 is the oldest that fits; above 25, with which this Elasticsearch was made,
the lowest wins.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from driftlog.contract.errors import JavaNotFound
from driftlog.store.local.account import Account

OLDEST = 21
PREFERRED = 25

SYSTEM_FOLDERS = (
    "usr/lib/jvm/*",
    "usr/lib64/jvm/*",
    "usr/java/*",
    "usr/local/openjdk-*",
    "opt/java/*",
    "opt/jdk*",
    "opt/*jdk*",
    "Library/Java/JavaVirtualMachines/*/Contents/Home",
    "opt/homebrew/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "usr/local/opt/openjdk*/libexec/openjdk.jdk/Contents/Home",
    "home/linuxbrew/.linuxbrew/opt/openjdk*/libexec",
)
USER_FOLDERS = (
    ".sdkman/candidates/java/*",
    ".jdks/*",
    ".asdf/installs/java/*",
    ".local/share/mise/installs/java/*",
    ".jabba/jdk/*",
    "Library/Java/JavaVirtualMachines/*/Contents/Home",
)
HOW_TO_INSTALL = (
    "install Java 21 or newer: 'apt install openjdk-21-jre-headless' (Debian, Ubuntu), "
    "'dnf install java-21-openjdk-headless' (Fedora, RHEL), 'apk add openjdk21-jre-headless' (Alpine), "
    "'brew install openjdk@21' (macOS), or unpack one from https://adoptium.net and set JAVA_HOME to it"
)


@dataclass(frozen=True)
class Java:
    """A Java runtime: its home folder and its version."""

    home: Path
    version: str

    @property
    def major(self) -> int:
        """The feature release.

        >>> [Java(Path("/j"), v).major for v in ("25.0.1", "21", "24-ea", "1.8.0_392", "?")]
        [25, 21, 24, 8, 0]
        """
        numbers = re.match(r"(?:1\.)?(\d+)", self.version)
        return int(numbers.group(1)) if numbers else 0

    @property
    def fits(self) -> bool:
        """Whether Elasticsearch runs on it."""
        return self.major >= OLDEST

    @property
    def preference(self) -> tuple[int, int]:
        """Sorts the best first: 25, 24, ... 21, then 26, 27."""
        return (0, -self.major) if self.major <= PREFERRED else (1, self.major)

    @property
    def executable(self) -> Path:
        """The ``java`` program."""
        return self.home / "bin" / "java"


def read_release(home: Path) -> Java | None:
    """Read the version a JDK states in its ``release`` file; None where it has none or lacks ``bin/java``."""
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    try:
        text = (home / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    stated = re.search(r'^JAVA_VERSION\s*=\s*"?([^"\s]+)"?', text, re.MULTILINE)
    return Java(home, stated.group(1)) if stated else None


def ask(executable: Path, *, timeout_s: float = 20.0) -> Java | None:
    """Ask a ``java`` program for its home and version (shims of version managers have no release file)."""
    try:
        said = subprocess.run(
            [str(executable), "-XshowSettings:properties", "-version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        ).stderr
    except (OSError, subprocess.SubprocessError):
        return None
    home = re.search(r"^\s*java\.home = (.+)$", said, re.MULTILINE)
    version = re.search(r"^\s*java\.version = (\S+)$", said, re.MULTILINE)
    return Java(Path(home.group(1).strip()), version.group(1)) if home and version else None


def candidate_homes(environment: Mapping[str, str], *, root: Path, extra: Iterable[Path] = ()) -> Iterator[Path]:
    """Yield the folders a Java may be in, those the user named first."""
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        if environment.get(variable):
            yield Path(environment[variable])
    yield from extra
    for folder in environment.get("PATH", "").split(os.pathsep):
        program = Path(folder) / "java" if folder else None
        if program is not None and os.access(program, os.X_OK):
            yield program.resolve().parent.parent
    for pattern in SYSTEM_FOLDERS:
        yield from sorted(root.glob(pattern))
    if environment.get("HOME"):
        for pattern in USER_FOLDERS:
            yield from sorted(Path(environment["HOME"]).glob(pattern))


def installed(
    environment: Mapping[str, str], *, root: Path = Path("/"), extra: Iterable[Path] = ()
) -> tuple[Java, ...]:
    """Return every Java of this machine, each once, the best first, those too old last."""
    found: dict[Path, Java] = {}
    for home in candidate_homes(environment, root=root, extra=extra):
        java = read_release(home) or (ask(home / "bin" / "java") if _worth_asking(home) else None)
        if java is not None:
            found.setdefault(java.home.resolve(), java)
    return tuple(sorted(found.values(), key=lambda java: (not java.fits, java.preference)))


def choose(
    account: Account,
    environment: Mapping[str, str],
    *,
    fetch: Callable[[], Path],
    root: Path = Path("/"),
    extra: Iterable[Path] = (),
) -> Java:
    """Return the best Java the server's user can run, fetching one where none fits.

    Parameters
    ----------
    fetch
        Fetches a Java and returns its home; raises `JavaNotFound` with its reason.

    Raises
    ------
    JavaNotFound
        None fits and none could be fetched: says which were found, why the fetch failed, and what to install.
    """
    rejected = []
    for java in installed(environment, root=root, extra=extra):
        if not java.fits:
            rejected.append(f"Java {java.version} at {java.home} is older than {OLDEST}")
        elif not runs(java, account):
            rejected.append(f"Java {java.version} at {java.home} cannot be run by user {account.name}")
        else:
            return java
    found = "; ".join(rejected) or "no Java was found"
    try:
        home = fetch()
    except JavaNotFound as error:
        raise JavaNotFound(
            f"Elasticsearch needs Java {OLDEST} or newer: {found}; {error.message}", remedy=HOW_TO_INSTALL
        ) from error
    fetched = read_release(home) or ask(home / "bin" / "java")
    if fetched is None or not fetched.fits or not runs(fetched, account):
        raise JavaNotFound(f"the Java fetched into {home} does not run here; {found}", remedy=HOW_TO_INSTALL)
    return fetched


def runs(java: Java, account: Account) -> bool:
    """Say whether the server's user can run this Java (permissions, processor type)."""
    try:
        done = subprocess.run(
            [str(java.executable), "-version"],
            capture_output=True,
            timeout=30,
            check=False,
            cwd="/",
            **account.popen_arguments(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def fetch_java(folder: Path, *, offline: bool, progress: Callable[[str], None]) -> Path:
    """Fetch a JDK of the preferred version with cjdk into ``folder`` and return its home.

    Raises
    ------
    JavaNotFound
        Offline, or no network, or no build for this machine.
    """
    if offline:
        raise JavaNotFound("none was fetched, because of --offline", remedy=HOW_TO_INSTALL)
    try:
        import cjdk
    except ImportError as error:
        raise JavaNotFound(
            "none was fetched, because cjdk is not installed (pip install 'driftlog[local]')", remedy=HOW_TO_INSTALL
        ) from error
    progress(f"fetching Java {PREFERRED} (about 200 MB, once)")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        home = Path(cjdk.java_home(vendor="temurin", version=str(PREFERRED), cache_dir=folder, progress=False))
    except Exception as error:
        raise JavaNotFound(
            f"none could be fetched ({_innermost(error)}; behind a proxy set HTTPS_PROXY)", remedy=HOW_TO_INSTALL
        ) from error
    return home


def fetched_homes(folder: Path) -> list[Path]:
    """Return the homes of the JDKs that `fetch_java` put into ``folder``."""
    return sorted(program.parent.parent for program in folder.glob("**/bin/java") if "jre" not in program.parts)


def _worth_asking(home: Path) -> bool:
    # /usr/bin/java of macOS is a stub that says where to get one, unless a real one is installed; safe to ask.
    return not (home / "release").is_file() and os.access(home / "bin" / "java", os.X_OK)


def _innermost(error: BaseException) -> str:
    """Return the first line of the cause at the bottom of a chain."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
