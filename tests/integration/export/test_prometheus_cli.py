"""``driftlog export prometheus`` as a user calls it."""

from __future__ import annotations

import os
import signal
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.integration.export.real_prometheus import RealPrometheus, free_port
from tests.integration.export.seed import seed, write_day

from driftlog.cli import exits
from driftlog.cli.app import run
from driftlog.store.client import Store
from driftlog.store.local.certificates import issue

pytestmark = pytest.mark.elasticsearch

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(store: Store, elasticsearch_url: str, tmp_path: Path) -> Path:
    path = tmp_path / "driftlog.yml"
    path.write_text(f"prefix: {store.names.prefix}\nelasticsearch: {{urls: ['{elasticsearch_url}']}}\n")
    return path


@pytest.fixture
def cli(config: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Exit code, standard output, standard error of ``driftlog export prometheus``."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["export", "prometheus", "--config", str(config), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_once_prints_the_page(cli: Cli, store: Store) -> None:
    """To look at, or for promtool."""
    seed(store, "churn")
    code, page, _ = cli("--once")
    assert code == exits.OK
    assert 'driftlog_predictions_stored{environment="production",model="churn"} 1100.0' in page
    assert "driftlog_up 1.0" in page


def test_a_textfile_counts_from_one_run_to_the_next(cli: Cli, store: Store, tmp_path: Path) -> None:
    """For node_exporter: a whole file each time, with the state of the counters beside it."""
    seed(store, "churn")
    file = tmp_path / "driftlog.prom"
    assert cli("--textfile", str(file))[0] == exits.OK
    write_day(store, "churn", 130)
    assert cli("--textfile", str(file))[0] == exits.OK
    lines = file.read_text(encoding="utf-8").splitlines()
    (counted,) = (line for line in lines if line.startswith("driftlog_predictions_total{"))
    assert counted.endswith(" 30.0")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["driftlog.prom", "driftlog.prom.state", "driftlog.yml"]
    assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--listen", "nowhere"), exits.USAGE, "--listen"),
        (("--listen", "0.0.0.0:9469"), exits.CONFIG, "without credentials"),
        (("--once", "--textfile", "x.prom"), exits.USAGE, "exclude each other"),
        (("--textfile", "/nowhere/at/all/x.prom"), exits.USAGE, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told_with_a_remedy(cli: Cli, arguments: tuple[str, ...], code: int, told: str) -> None:
    """In a line, not as a traceback."""
    found, _, errors = cli(*arguments)
    assert found == code
    assert told in " ".join(errors.split())
    assert "Traceback" not in errors


def test_it_serves_over_tls_to_who_has_the_token_and_ends_on_a_signal(
    store: Store, config: Path, tmp_path: Path
) -> None:
    """A real Prometheus scrapes it with bearer token and certificate authority; its secret is in the environment."""
    seed(store, "churn")
    issued = issue(datetime.now(UTC))
    files = {"ca": issued.ca, "cert": issued.certificate, "key": issued.key}
    paths = {name: tmp_path / f"{name}.pem" for name in files}
    for name, text in files.items():
        paths[name].write_bytes(text)
    port = free_port()
    config.write_text(
        config.read_text() + "export: {prometheus: {token: '${METRICS_TOKEN}', min_interval: 1s, "
        f"tls_cert: '{paths['cert']}', tls_key: '{paths['key']}'}}}}\n"
    )
    command = [sys.executable, "-m", "driftlog", "export", "prometheus", "--config", str(config)]
    command += ["--listen", f"127.0.0.1:{port}"]
    environment = os.environ | {"METRICS_TOKEN": "s3cret-token"}
    with (tmp_path / "log").open("wb") as log:
        served = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        context = ssl.create_default_context(cafile=str(paths["ca"]))
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

        def healthy() -> bool:
            assert served.poll() is None, (tmp_path / "log").read_text()
            try:
                return bool(opener.open(f"https://127.0.0.1:{port}/healthz", timeout=30).status == 200)
            except OSError:
                return False

        RealPrometheus.wait(healthy, "the exporter does not answer")
        access = {"scheme": "https", "tls_config": {"ca_file": str(paths["ca"])}}
        access |= {"authorization": {"credentials": "s3cret-token"}}
        with RealPrometheus({"driftlog": f"127.0.0.1:{port}"}, **access) as prometheus:
            assert prometheus.wait_for('driftlog_performance{basis="realised"}')[0][1] == 0.81
        served.send_signal(signal.SIGTERM)
        assert served.wait(60) == 0
        assert "s3cret-token" not in (tmp_path / "log").read_text()
    finally:
        served.kill()
        served.wait(30)
