"""Exit codes, error lines, and what the console script does without its extra."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from driftlog.cli import exits
from driftlog.cli.app import run

NOWHERE = "DRIFTLOG_ELASTICSEARCH__URLS"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands run in an empty folder, with Elasticsearch nowhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DRIFTLOG_CONFIG", raising=False)
    monkeypatch.setenv(NOWHERE, "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def test_an_unreachable_elasticsearch_is_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    """With one line and a remedy."""
    assert run(["alerts"]) == exits.UNREACHABLE
    err = capsys.readouterr().err
    assert err.startswith("error: Elasticsearch cannot be reached")
    assert "-> " in err
    assert "Traceback" not in err


def test_a_cycle_without_elasticsearch_is_one_error_and_no_traceback() -> None:
    """Commands that log, too: the client's own warnings carry tracebacks. In a process of its own, with its logging."""
    done = subprocess.run(
        [sys.executable, "-m", "driftlog", "run", "--once"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, "Traceback" in done.stderr, "cannot be reached" in done.stderr) == (3, False, True)


def test_a_config_error_is_code_4(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The file, the line and the value."""
    (folder / "driftlog.yml").write_text("worker:\n  lease: fast\n")

    assert run(["config", "show"]) == exits.CONFIG
    assert "worker.lease: is not a duration" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["alerts", "--nonsense"], ["report", "a", "b"], ["alerts", "--since", "x"]]
)
def test_a_wrong_call_is_code_2(arguments: list[str]) -> None:
    """Unknown commands, options, arguments and values."""
    assert run(arguments) == exits.USAGE


def test_debug_shows_the_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """On either side of the command's name."""
    for arguments in (["--debug", "alerts"], ["alerts", "--debug"]):
        run(arguments)
        assert "Traceback" in capsys.readouterr().err


def test_secrets_are_never_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither by config show, nor in its JSON, nor in a traceback."""
    monkeypatch.setenv("SECRET_KEY", "hush-hush")
    (folder / "driftlog.yml").write_text("elasticsearch: {api_key: '${SECRET_KEY}'}\n")

    for arguments in (["config", "show"], ["config", "show", "--json"], ["alerts", "--debug"]):
        run(arguments)
        captured = capsys.readouterr()
        assert "hush-hush" not in captured.out + captured.err


def test_config_show_is_json_and_yaml(capsys: pytest.CaptureFixture[str]) -> None:
    """The same settings."""
    run(["config", "show", "--json"])
    assert json.loads(capsys.readouterr().out)["worker"]["lease"] == "30s"
    run(["config", "show"])
    assert "lease: 30s" in capsys.readouterr().out


def test_init_writes_a_file_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And what it wrote loads."""
    assert run(["init"]) == exits.OK
    assert run(["config", "show"]) == exits.OK
    assert run(["init"]) == exits.USAGE
    assert "--force" in capsys.readouterr().err
    assert run(["init", "--force"]) == exits.OK


def test_without_the_extra_the_script_says_which_one(folder: Path) -> None:
    """click hidden: one line, code 2, no traceback."""
    code = (
        "import sys\n"
        "import importlib.util as u\n"
        "real = u.find_spec\n"
        "u.find_spec = lambda name, package=None: None if name == 'click' else real(name, package)\n"
        "from driftlog.__main__ import main\n"
        "sys.exit(main(['version']))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.returncode, 'pip install "driftlog[worker]"' in done.stderr, done.stdout) == (2, True, "")


def test_the_command_line_starts_without_heavy_packages() -> None:
    """Help is quick: neither elasticsearch, nor numpy, nor pandas is imported."""
    code = (
        "import sys\nfrom driftlog.cli.app import run\nrun(['--help'])\n"
        "print(sorted({'elasticsearch', 'numpy', 'pandas', 'scipy', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
