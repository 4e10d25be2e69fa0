"""A real Prometheus, with a folder and a port of its own."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml
from tests.conftest import quick_folder
from tests.unit.present.export.promtool import program

PATIENCE_S = 120.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RealPrometheus:
    """Scrapes `targets` (job -> host:port) once a second; use it in a `with` statement.

    Parameters
    ----------
    rules
        Rule files.
    scrape
        Further keys of every scrape configuration.
    """

    def __init__(self, targets: dict[str, str], *, rules: tuple[Path, ...] = (), **scrape: Any) -> None:
        self.binary = program("prometheus")
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="driftlog-prometheus-", dir=quick_folder()))
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": [target]}], **scrape}
                for job, target in targets.items()
            ],
        }
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config))

    def __enter__(self) -> RealPrometheus:
        command = [
            self.binary,
            f"--config.file={self.folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=error",
        ]
        with (self.folder / "log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self.wait(self._ready, "Prometheus is not ready")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _ready(self) -> bool:
        assert self.process.poll() is None, (self.folder / "log").read_text()
        try:
            self.ask("/-/ready")
        except OSError:
            return False
        return True

    def ask(self, path: str, **parameters: object) -> Any:
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.port}{path}{query}", timeout=30) as response:
                body = response.read()
        except urllib.error.HTTPError as error:
            if error.code == 400:
                raise AssertionError(f"{parameters}: {error.read().decode()}") from error
            raise
        return json.loads(body) if body.startswith(b"{") else body.decode()

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Labels and values of an instant query."""
        data = self.ask("/api/v1/query", query=expression)["data"]
        if data["resultType"] == "scalar":
            return [({}, float(data["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in data["result"]]

    def value(self, expression: str) -> float | None:
        """The one value of an instant query; None while there is none."""
        found = self.query(expression)
        assert len(found) <= 1, found
        return found[0][1] if found else None

    @staticmethod
    def wait(condition: Any, what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, what
            time.sleep(0.1)

    def wait_for(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """Answer of a query as soon as it has one."""
        self.wait(lambda: self.query(expression), f"nothing for {expression}")
        return self.query(expression)
