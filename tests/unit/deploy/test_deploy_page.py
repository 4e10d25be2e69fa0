"""docs/deploy.md: every command, file, variable, service and link in it exists, and its scripts do what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from contextlib import suppress
from pathlib import Path

import click
import pytest
import yaml
from tests.unit.deploy.command_lines import of_shell, parse
from tests.unit.deploy.compose import ENV_EXAMPLE, ROOT, composed, env_file
from tests.unit.deploy.dockerfile import image_environment

from driftlog.config.environment import read_environment

PAGE = ROOT / "docs" / "deploy.md"
UNITS = ROOT / "deploy" / "systemd"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = [
    (language, re.sub(r"^ {3}", "", body, flags=re.MULTILINE) if indent else body)
    for indent, language, body in re.findall(r"^( *)```(\w+)\n(.*?)^ *```$", TEXT, re.MULTILINE | re.DOTALL)
]
SHELL = [body for language, body in BLOCKS if language == "sh"]
CONSOLE = [
    "\n".join(line for line in body.splitlines() if line.startswith("$ "))
    for language, body in BLOCKS
    if language == "console"
]


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_command_of_driftlog_parses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of the blocks, with their arguments."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "churn.csv").touch()
    called = [call for block in (*SHELL, *CONSOLE) for call in of_shell(block) if call[:1] != ["..."]]
    assert len(called) > 20
    for call in called:
        parse([word if not re.fullmatch(r"\$\w+(\.key)?", word) else _stand_in(word) for word in call])


def test_every_command_that_the_text_names_exists() -> None:
    """With the options it names; what else the command needs may be left out there."""
    named = re.findall(r"`driftlog ([a-z][^`]*)`", TEXT)
    assert len(named) > 10
    for line in named:
        with suppress(click.MissingParameter):
            parse(line.split())


def _stand_in(word: str) -> str:
    return "new.key" if word.endswith(".key") else "worker"


@pytest.mark.parametrize("number", range(len(SHELL)))
def test_every_block_is_a_script(number: int) -> None:
    """Bash reads it."""
    if SHELL[number].startswith("DRIFTLOG_INPUTS="):
        return  # a file of variables
    done = subprocess.run(["bash", "-n"], input=SHELL[number], text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_link_leads_somewhere() -> None:
    """To a file, and to a heading that it has."""
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) > 20
    for link in links:
        if link.startswith("http"):
            continue
        name, _, anchor = link.partition("#")
        path = PAGE.parent / name if name else PAGE
        assert path.is_file(), link
        assert not anchor or anchor in anchors(path), link


def test_every_file_is_there() -> None:
    """Those of the project that the page names."""
    named = set(re.findall(r"(?<![\w/.])(deploy/[\w./@-]+|\.env\.example|docker-compose\.yml|logstash/)", TEXT))
    named.remove("deploy/driftlog.env")  # of those who install it
    assert len(named) > 5
    for name in named:
        assert (ROOT / name.rstrip(".")).exists(), name


def test_every_variable_is_read_by_somebody() -> None:
    """By driftlog, by Logstash's files, by docker-compose.yml, or set in the image."""
    logstash = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "logstash").rglob("*.*") if path.is_file()
    )
    for name in set(re.findall(r"\b(DRIFTLOG_[A-Z_]+[A-Z])\b(?!\w)", TEXT)) - {"DRIFTLOG_CONFIG"}:
        if "__" in name:
            assert read_environment({name: "x"}, []), name
        else:
            assert name in env_file() or f"${{{name}" in logstash or name in image_environment(), name
    compose_names = {"BIND_ADDRESS", "TLS_HOSTS", "TLS_RENEW_DAYS", "STACK_VERSION", "ELASTICSEARCH_MEMORY"}
    for name in compose_names:
        assert name in TEXT
        assert name in env_file()


def test_the_table_of_profiles_is_that_of_the_file() -> None:
    """Each profile with its services."""
    services = composed()["services"]
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| ([^|]+) \|$", TEXT, re.MULTILINE))
    assert set(rows) == {profile for service in services.values() for profile in service["profiles"]}
    for word in ("elasticsearch", "logstash", "kibana", "worker", "janitor"):
        assert word in rows["core"].lower()
        assert "core" in services[word]["profiles"]
    for word in ("exporter", "prometheus", "grafana"):
        assert word in rows["observability"].lower()
        assert "observability" in services[word]["profiles"]


def test_ports_are_those_that_are_published() -> None:
    """Addresses of the tables."""
    ports = {port.split(":")[1] for service in composed()["services"].values() for port in service.get("ports", [])}
    for port in re.findall(r"localhost:(\d+)", TEXT):
        assert port in ports, port


def test_the_loop_makes_an_env_that_starts(tmp_path: Path) -> None:
    """As the page and the head of .env.example have it, both the same; every password another."""
    loop = re.search(r"^for name in ELASTIC.*?^done$", "\n".join(SHELL), re.MULTILINE | re.DOTALL)
    assert loop is not None
    commented = "\n".join(f"#   {line}" for line in loop[0].splitlines())
    assert commented in ENV_EXAMPLE.read_text(encoding="utf-8")
    shutil.copy(ENV_EXAMPLE, tmp_path / ".env")
    subprocess.run(["bash", "-euc", loop[0]], cwd=tmp_path, check=True)
    made = env_file(tmp_path / ".env")
    assert composed(made)["services"]
    secret = [value for name, value in made.items() if "PASSWORD" in name or name.endswith("_KEY")]
    assert len({*secret}) == len(secret) == 5
    assert all(re.fullmatch("[0-9a-f]{64}", value) for value in secret)


def test_the_files_of_the_units_are_written_as_the_page_says(tmp_path: Path) -> None:
    """One for each service of deploy/systemd, each with its own key, readable by nobody else."""
    block = next(body for body in SHELL if "/etc/driftlog/$service.env" in body)
    script = (
        block.split("cp $assets/deploy/systemd")[0]
        .split("nologin driftlog\n")[1]
        .replace("/etc/driftlog", str(tmp_path))
    )
    for role in ("worker", "exporter", "intake", "janitor"):
        (tmp_path / f"{role}.key").write_text(f"key-of-{role}==\n")
    environ = {"DRIFTLOG_ELASTICSEARCH__URLS": "https://es:9200", "DRIFTLOG_ELASTICSEARCH__CA_CERTS": "/etc/ca.crt"}
    subprocess.run(["bash", "-euc", script], cwd=tmp_path, check=True, env=os.environ | environ)
    for unit, name, role in (
        ("worker", "DRIFTLOG_ELASTICSEARCH__API_KEY", "worker"),
        ("exporter", "DRIFTLOG_ELASTICSEARCH__API_KEY", "exporter"),
        ("intake", "DRIFTLOG_ELASTICSEARCH__API_KEY", "intake"),
        ("janitor", "DRIFTLOG_JANITOR__API_KEY", "janitor"),
    ):
        path = tmp_path / f"{unit}.env"
        lines = dict(line.split("=", 1) for line in path.read_text().splitlines())
        assert lines == environ | {name: f"key-of-{role}=="}
        assert path.stat().st_mode & 0o077 == 0
        assert read_environment(lines, [])
    units = {path.name.removeprefix("driftlog-").split(".")[0].rstrip("@") for path in UNITS.glob("*.service")}
    assert {path.stem for path in tmp_path.glob("*.env")} == units


def test_every_key_that_a_service_gets_is_made_before() -> None:
    """In the list of roles of step 3, for the units and for the secrets of Kubernetes alike."""
    roles = re.search(r"^for role in ([a-z ]+); do driftlog keys create", "\n".join(SHELL), re.MULTILINE)
    assert roles is not None
    loops = re.findall(r"^for service in ([a-z ]+); do", "\n".join(SHELL), re.MULTILINE)
    assert len(loops) == 2
    used = {name for loop in loops for name in loop.split()} | set(re.findall(r"cat ([a-z]+)\.key\)", TEXT))
    assert used <= set(roles[1].split())
    secrets = yaml.safe_load_all((ROOT / "deploy/kubernetes/secrets.example.yaml").read_text(encoding="utf-8"))
    names = {one["metadata"]["name"].removeprefix("driftlog-") for one in secrets} - {"ca"}
    assert set(loops[1].split()) == names


def test_what_is_copied_from_the_package_is_in_it() -> None:
    """On every page: below `assets` where it was installed, in the same place of a checkout."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    targets = project["tool"]["hatch"]["build"]["targets"]
    included = targets["wheel"]["force-include"]
    assert all(target == f"driftlog/assets/{source}" for source, target in included.items())
    assert not any((ROOT / "deploy/driftlog.env").is_relative_to(ROOT / source) for source in included)
    copied = {
        match[1].rstrip("/.*")
        for page in PAGE.parent.glob("*.md")
        for match in re.finditer(r"\$assets/([\w./*-]+)", page.read_text(encoding="utf-8"))
    }
    assert len(copied) >= 5
    for path in copied:
        assert any(path == source or path.startswith(source + "/") for source in included), path
        assert (ROOT / path).exists() or list(ROOT.glob(path)), path
    assert {"/deploy", "/scripts", "/tests"} <= set(targets["sdist"]["include"])


def test_disk_follows_from_the_formula() -> None:
    """20 features, a tenth labelled, 90 days, no replica, a fifth more; the formula is that of storage.md."""
    storage = (PAGE.parent / "storage.md").read_text(encoding="utf-8")
    rule = re.search(r"\*\*(\d+) bytes \+ (\d+) for each feature\*\*", storage)
    formula = re.search(r"predictions a day x \(bytes a prediction \+ (\d+) \+ share with labels x (\d+)\)", storage)
    assert rule is not None
    assert formula is not None
    each = int(rule[1]) + 20 * int(rule[2]) + int(formula[1]) + 0.1 * int(formula[2])
    rows = re.findall(r"^\| ([\d,]+) \| ([\d,]+) \| ([\d.,]+) GB \|", TEXT, re.MULTILINE)
    assert len(rows) == 5
    for predictions, rate, disk in rows:
        a_day = int(predictions.replace(",", ""))
        assert float(disk.replace(",", "")) == pytest.approx(a_day * each * 90 * 1.2 / 1e9, rel=0.06)
        assert int(rate.replace(",", "")) == max(1, round(a_day * 10 / 86_400))


def test_measured_figures_are_those_of_the_benchmarks() -> None:
    """Named as measured, and printed there."""
    benchmarks = (PAGE.parent / "benchmarks.md").read_text(encoding="utf-8")
    measured = TEXT.split("Measured, and where:")[1].split("\n\n")[0]
    for figure in ("12,362", "20,551", "210"):
        assert figure in measured
        assert re.search(rf"(?<!\d){figure}(?!\d)", benchmarks)
