"""deploy/setup/accounts.sh: a key for every service, kept while the cluster takes it, made anew when it does not.

The local server has no API for keys: a listener answers as Elasticsearch does, and a stand-in for `driftlog` reads its
arguments with the real command line.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.integration.deploy.setup_scripts import SETUP, SHIM, Stand, mode, prepare_answers, run, write_program

ROOT = SETUP.parents[1]
EXPECTED = {
    "logstash/api_key": "logstash",
    "worker/api_key": "worker",
    "janitor/api_key": "janitor",
    "exporter/api_key": "exporter",
    "cli/api_key": "administrator",
    "kibana-objects/api_key": "kibana",
    "grafana/api_key": "viewer",
    "grafana/predictions_api_key": "analyst",
}
PASSWORD = "password-of-elastic"
INSTANCES = 'instances: [{name: elasticsearch, dns: [localhost], ip: ["127.0.0.1"]}]\n'

DRIFTLOG = """#!{python}
import base64, os, sys
arguments = sys.argv[1:]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(" ".join(arguments) + "\\n")
if arguments[0] == "keys":
    role, output = arguments[2], arguments[arguments.index("--output") + 1]
    pair = f"{{role}}:{{os.urandom(8).hex()}}"
    with open(os.environ["TAKEN"], "a") as taken:
        taken.write(pair + "\\n")
    key = pair if role == "logstash" else base64.b64encode(pair.encode()).decode()
    with os.fdopen(os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(key + "\\n")
"""


class Cluster(ThreadingHTTPServer):
    """Says whether it takes a key; `taken` are those it does, as id:key."""

    def __init__(self, stand: Stand) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.taken = stand.folder / "taken"
        self.taken.touch()
        self.down = False
        self.made: list[dict[str, Any]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(stand.folder / "elasticsearch.crt", stand.folder / "elasticsearch.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)


class _Answer(BaseHTTPRequestHandler):
    server: Cluster

    def do_POST(self) -> None:
        """A key of what the body says, as Elasticsearch makes it."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        right = "Basic " + b64encode(f"elastic:{PASSWORD}".encode()).decode()
        if (self.path, self.headers["Authorization"]) != ("/_security/api_key", right):
            self.send_error(403)
            return
        self.server.made.append(body)
        secret = os.urandom(8).hex()
        with self.server.taken.open("a") as taken:
            taken.write(f"kibana:{secret}\n")
        encoded = b64encode(f"kibana:{secret}".encode()).decode()
        answer = json.dumps({"id": "kibana", "name": body["name"], "api_key": secret, "encoded": encoded}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def do_GET(self) -> None:
        kind, _, key = self.headers["Authorization"].partition(" ")
        known = b64decode(key).decode() in self.server.taken.read_text().split()
        code = 503 if self.server.down else 200 if known and kind == "ApiKey" else 401
        if self.path != "/_security/_authenticate":
            code = 404
        self.send_response(code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    stand = Stand(tmp_path)
    (tmp_path / "instances.yml").write_text(INSTANCES)
    prepare_answers(stand, tmp_path / "instances.yml")
    shutil.unpack_archive(stand.made / "ca.zip", tmp_path)
    shutil.unpack_archive(stand.made / "issued.zip", tmp_path)
    for end in ("crt", "key"):
        shutil.move(tmp_path / "elasticsearch" / f"elasticsearch.{end}", tmp_path)
    write_program(tmp_path / "driftlog", DRIFTLOG.format(python=sys.executable))
    return stand


@pytest.fixture
def cluster(stand: Stand) -> Iterator[Cluster]:
    server = Cluster(stand)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def accounts(stand: Stand, cluster: Cluster, **more: str) -> subprocess.CompletedProcess[str]:
    own = {
        "DRIFTLOG": str(stand.folder / "driftlog"),
        "PYTHON": sys.executable,
        "CALLS": str(stand.folder / "calls"),
        "TAKEN": str(cluster.taken),
        "DRIFTLOG_ELASTICSEARCH__USERNAME": "elastic",
        "DRIFTLOG_ELASTICSEARCH__PASSWORD": PASSWORD,
        "DRIFTLOG_ELASTICSEARCH__URLS": f"https://127.0.0.1:{cluster.server_address[1]}",
        "DRIFTLOG_ELASTICSEARCH__CA_CERTS": str(stand.folder / "ca" / "ca.crt"),
    }
    return stand.run("accounts.sh", **{**own, **more})


def keys(stand: Stand) -> dict[str, str]:
    found = {str(path.relative_to(stand.secrets)): path for path in stand.secrets.rglob("*") if path.is_file()}
    return {name: path.read_text() for name, path in found.items()}


def calls(stand: Stand) -> list[list[str]]:
    return [line.split() for line in (stand.folder / "calls").read_text().splitlines()]


def test_every_service_gets_the_key_of_its_role(stand: Stand, cluster: Cluster) -> None:
    """By commands that exist; readable by the service alone; named so that one finds them in the cluster."""
    from tests.unit.deploy.command_lines import parse

    done = accounts(stand, cluster)
    assert done.returncode == 0, done.stderr
    made = keys(stand)
    assert {name: b64decode(key).decode() if ":" not in key else key for name, key in made.items()}.keys() == set(
        EXPECTED
    )
    for name, key in made.items():
        pair = key if ":" in key else b64decode(key).decode()
        assert pair.split(":")[0] == EXPECTED[name]
        assert mode(stand.secrets / name) == "0o400"
    assert ":" in made["logstash/api_key"]
    assert calls(stand)[0] == ["setup", "--roles"]
    for call in calls(stand):
        parse([part if not part.startswith("/") else "new.key" for part in call])
    names = [call[call.index("--name") + 1] for call in calls(stand)[1:]]
    names += [body["name"] for body in cluster.made]
    assert len(set(names)) == len(EXPECTED)
    assert all(key.strip() not in done.stdout + done.stderr for key in made.values())


def test_a_key_that_works_stays_and_one_that_does_not_is_made_anew(stand: Stand, cluster: Cluster) -> None:
    """Also one that is empty or gone."""
    assert accounts(stand, cluster).returncode == 0
    first = keys(stand)
    assert accounts(stand, cluster).returncode == 0
    assert keys(stand) == first
    lines = cluster.taken.read_text().split()
    cluster.taken.write_text("\n".join(line for line in lines if not line.startswith("janitor:")) + "\n")
    (stand.secrets / "cli" / "api_key").unlink()
    (stand.secrets / "worker" / "api_key").chmod(0o600)
    (stand.secrets / "worker" / "api_key").write_text("")
    assert accounts(stand, cluster).returncode == 0
    changed = {name for name, key in keys(stand).items() if first[name] != key}
    assert changed == {"janitor/api_key", "cli/api_key", "worker/api_key"}


def test_the_key_of_kibanas_rules_may_do_what_its_page_says(stand: Stand, cluster: Cluster) -> None:
    """No more and no less: rules search and write with it; the page is for the prefix driftlog in the default space."""
    page = (ROOT / "docs" / "kibana-rules.md").read_text(encoding="utf-8")
    told = json.loads(page.split("POST /_security/api_key\n")[1].split("```")[0])
    assert accounts(stand, cluster).returncode == 0
    assert [body["role_descriptors"] for body in cluster.made] == [told["role_descriptors"]]
    assert "expiration" not in cluster.made[0]
    (stand.folder / "driftlog.yml").write_text("kibana: {space: ml}\n")
    (stand.secrets / "kibana-objects" / "api_key").unlink()
    own = {"DRIFTLOG_PREFIX": "fraud", "DRIFTLOG_CONFIG": str(stand.folder / "driftlog.yml")}
    done = accounts(stand, cluster, **own)
    assert done.returncode == 0, done.stderr
    other = json.dumps(told["role_descriptors"]).replace("driftlog-", "fraud-").replace("space:default", "space:ml")
    assert cluster.made[1]["role_descriptors"] == json.loads(other)
    assert cluster.made[1]["metadata"] == {"driftlog": {"prefix": "fraud", "role": "driftlog_kibana"}}


def test_a_revoked_key_of_kibana_is_made_anew(stand: Stand, cluster: Cluster) -> None:
    """The others stay; an account that may not make it is told, and leaves none behind."""
    assert accounts(stand, cluster).returncode == 0
    first = keys(stand)
    lines = cluster.taken.read_text().split()
    cluster.taken.write_text("\n".join(line for line in lines if not line.startswith("kibana:")) + "\n")
    refused = accounts(stand, cluster, DRIFTLOG_ELASTICSEARCH__PASSWORD="another-password")
    assert refused.returncode == 1
    assert "no key for Kibana" in refused.stderr
    assert "403" in refused.stderr
    assert "another-password" not in refused.stdout + refused.stderr
    assert keys(stand) == first
    assert accounts(stand, cluster).returncode == 0
    assert {name for name, key in keys(stand).items() if first[name] != key} == {"kibana-objects/api_key"}


def test_a_cluster_that_does_not_answer_costs_no_key(stand: Stand, cluster: Cluster) -> None:
    """A key that works would be replaced while services use it: it stops instead."""
    assert accounts(stand, cluster).returncode == 0
    first = keys(stand)
    cluster.down = True
    done = accounts(stand, cluster)
    assert done.returncode == 1
    assert "did not say whether it takes" in done.stderr
    assert keys(stand) == first


@pytest.mark.slow
def test_killed_at_any_step_it_is_healed_by_the_next_run(stand: Stand, cluster: Cluster) -> None:
    """What it leaves is no key, or one that works."""
    tools = stand.folder / "tools"
    tools.mkdir()
    for tool in ("mv", "rm", "mkdir", "chmod", "tr"):
        real = shutil.which(tool)
        assert real is not None
        write_program(tools / tool, SHIM.replace("TOOL", tool).replace("REAL", real))

    steps = stand.folder / "steps"
    killed = 0
    for die_at in (1, 3, 5, 12):
        shutil.rmtree(stand.secrets, ignore_errors=True)
        steps.write_text("0")
        path = f"{tools}:{os.environ['PATH']}"
        killed += accounts(stand, cluster, PATH=path, STEPS=str(steps), DIE_AT=str(die_at)).returncode != 0
        assert accounts(stand, cluster).returncode == 0
        assert set(keys(stand)) == set(EXPECTED), f"step {die_at}"
    assert killed >= 3


def test_a_failing_setup_stops_it(stand: Stand, cluster: Cluster) -> None:
    """No key without its role."""
    write_program(stand.folder / "driftlog", "#!/bin/sh\nexit 3\n")
    assert accounts(stand, cluster).returncode == 3
    assert keys(stand) == {}


def test_no_shell_is_needed_but_a_posix_one() -> None:
    """As the image has it."""
    assert run(["sh", "-n", str(SETUP / "accounts.sh")], {}).returncode == 0
