"""The exporter as docker-compose.yml starts it: its variables, its command, its health check, with the real program."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.unit.deploy.compose import composed

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
from driftlog.store.templates import install

pytestmark = pytest.mark.elasticsearch


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_health_check_is_answered(elasticsearch_url: str, prefix: str, tmp_path: Path) -> None:
    """Healthy while it runs, and not when it does not; address, port and folder are others than in the container."""
    service = composed()["services"]["exporter"]
    port = free_port()
    given = {name: str(value) for name, value in service["environment"].items()}
    own = {
        "DRIFTLOG_PREFIX": prefix,
        "DRIFTLOG_ELASTICSEARCH__URLS": elasticsearch_url,
        "DRIFTLOG_EXPORT__PROMETHEUS__HOST": "127.0.0.1",
        "DRIFTLOG_EXPORT__PROMETHEUS__PORT": str(port),
        "DRIFTLOG_EXPORT__PROMETHEUS__STATE": str(tmp_path / "exporter.state"),
    }
    assert set(own) <= set(given)
    environ = {**os.environ, **given, **own, "DRIFTLOG_CONFIG": "deploy/driftlog.yml"}
    del environ["DRIFTLOG_ELASTICSEARCH__CA_CERTS"]
    with Store.connect(ElasticsearchSettings(urls=(elasticsearch_url,)), IndexNames(prefix)) as store:
        install(store)
    shown, program, option, code = service["healthcheck"]["test"]
    assert (shown, program, option) == ("CMD", "python", "-c")
    assert "127.0.0.1:9469" in code
    check = [sys.executable, "-c", code.replace("9469", str(port))]
    root = Path(__file__).parents[3]
    with (tmp_path / "log").open("wb") as log:
        command = [sys.executable, "-m", "driftlog", *service["command"]]
        exporter = subprocess.Popen(command, cwd=root, env=environ, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 90
            while subprocess.run(check, capture_output=True, check=False).returncode != 0:
                assert exporter.poll() is None, (tmp_path / "log").read_text()
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.5)
        finally:
            exporter.terminate()
            exporter.wait(timeout=60)
    assert subprocess.run(check, capture_output=True, check=False).returncode != 0
