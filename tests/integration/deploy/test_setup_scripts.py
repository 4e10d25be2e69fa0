"""The set-up services of docker-compose.yml: right the first time, quick the second, healed after being killed."""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
import threading
from base64 import b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from tests.integration.deploy.setup_scripts import (
    EVERYBODY,
    SETUP,
    SHIM,
    Stand,
    check_certificates,
    mode,
    names_of,
    prepare_answers,
    run,
    write_program,
)

from driftlog.store.local.account import account_for
from driftlog.store.local.archive import provide
from driftlog.store.local.java import choose, fetch_java, fetched_homes
from driftlog.store.local.settings import LocalSettings

SHELLS = [shell for shell in ("sh", "dash", "bash", "busybox") if shutil.which(shell)]
PASSWORDS = {
    "ELASTIC_PASSWORD": "e" * 48,
    "KIBANA_SYSTEM_PASSWORD": "k" * 48,
    "KIBANA_ENCRYPTION_KEY": "c" * 64,
    "LOGSTASH_HTTP_PASSWORD": "l" * 48,
    "GRAFANA_ADMIN_PASSWORD": "g" * 48,
}


@pytest.fixture
def stand(tmp_path: Path) -> Stand:
    return Stand(tmp_path)


@pytest.fixture
def answered(stand: Stand) -> Stand:
    """With answers of certutil for what the script asks for."""
    stand.authority.mkdir()
    first = stand.run("certificates.sh", CERTUTIL="/bin/false")
    assert first.returncode != 0
    (stand.authority / "ca").mkdir()
    for name in ("ca.crt", "ca.key"):
        (stand.authority / "ca" / name).write_text("not one")
    assert stand.run("certificates.sh", CERTUTIL="/bin/false").returncode != 0
    prepare_answers(stand, stand.authority / "instances.new")
    shutil.rmtree(stand.authority)
    return stand


@pytest.mark.parametrize("script", sorted(path.name for path in SETUP.iterdir()))
def test_every_shell_can_read_the_scripts(script: str) -> None:
    """No script needs more than a POSIX shell."""
    for shell in SHELLS:
        command = [shell, "sh", "-n"] if shell == "busybox" else [shell, "-n"]
        done = run([*command, str(SETUP / script)], os.environ)
        assert (done.returncode, done.stderr) == (0, ""), shell
    assert (SETUP / script).read_text().startswith("#!/bin/sh\n")
    assert "set -eu" in (SETUP / script).read_text()


@pytest.mark.slow
def test_the_real_certutil_makes_certificates_for_all(stand: Stand, elasticsearch_url: str) -> None:
    """With the program that the image has; the names are those by which services call each other."""
    settings = LocalSettings()
    distribution = provide(settings.version, settings.cache_folder, progress=lambda message: None)
    cached = settings.cache_folder / "java"
    java = choose(
        account_for(stand.folder),
        os.environ,
        fetch=lambda: fetch_java(cached, offline=False, progress=lambda message: None),
        extra=fetched_homes(cached),
    )
    done = stand.run(
        "certificates.sh",
        CERTUTIL=str(distribution.home / "bin" / "elasticsearch-certutil"),
        ES_JAVA_HOME=str(java.home),
        TLS_HOSTS="ml.example.org, 10.0.0.5 fd00::5",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    certificates = check_certificates(stand.secrets)
    extra = {"localhost", "127.0.0.1", "ml.example.org", "10.0.0.5", "fd00::5"}
    assert names_of(certificates["logstash"]) == {"logstash", "logstash-2", *extra}
    assert names_of(certificates["elasticsearch"]) == {"elasticsearch", *extra}
    assert names_of(certificates["shipper"]) == {"shipper"}
    assert all((one.not_valid_after_utc - one.not_valid_before_utc).days > 1000 for one in certificates.values())
    again = stand.run("certificates.sh", CERTUTIL="/bin/false", TLS_HOSTS="ml.example.org, 10.0.0.5 fd00::5")
    assert again.returncode == 0, "nothing is made twice"
    check_logstash_start(stand)


def check_logstash_start(stand: Stand) -> None:
    """Logstash's inputs get the PKCS8 form of certutil's key, its output the key of its account."""
    (stand.secrets / "logstash" / "api_key").write_text("id:key\n")
    (stand.secrets / "logstash" / "http_password").write_text("secret")
    more = {"SECRETS": str(stand.secrets / "logstash"), "RUN": str(stand.folder)}
    done = stand.run("logstash.sh", "env", **more)
    assert done.returncode == 0, done.stderr
    told = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("DRIFTLOG_"))
    key = Path(told.pop("DRIFTLOG_TLS_KEY"))
    assert told == {"DRIFTLOG_ELASTICSEARCH_API_KEY": "id:key", "DRIFTLOG_HTTP_PASSWORD": "secret"}
    assert key.read_text().startswith("-----BEGIN PRIVATE KEY-----")
    certificate = x509.load_pem_x509_certificate((stand.secrets / "logstash" / "tls.crt").read_bytes())
    assert serialization.load_pem_private_key(key.read_bytes(), None).public_key() == certificate.public_key()
    assert mode(key) == "0o600"
    (stand.secrets / "logstash" / "api_key").unlink()
    refused = stand.run("logstash.sh", "env", **more)
    assert (refused.returncode, "api_key cannot be read" in refused.stderr) == (66, True)


@pytest.mark.parametrize("shell", [shell for shell in SHELLS if shell != "busybox"])
def test_what_is_there_stays(answered: Stand, shell: str) -> None:
    """The second run asks certutil for nothing and changes no file."""
    first = answered.run("certificates.sh", shell=shell)
    assert first.returncode == 0, first.stderr
    assert answered.calls() == ["ca", "cert"]
    check_certificates(answered.secrets)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in answered.secrets.rglob("*.*")}
    assert answered.run("certificates.sh", shell=shell).returncode == 0
    assert answered.calls() == ["ca", "cert"]
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in answered.secrets.rglob("*.*")} == before


def test_new_names_and_old_certificates_make_new_ones_of_the_same_authority(answered: Stand) -> None:
    """Clients need not be told of another authority."""
    assert answered.run("certificates.sh").returncode == 0
    authority = (answered.secrets / "worker" / "ca.crt").read_bytes()
    done = answered.run("certificates.sh", TLS_HOSTS="ml.example.org")
    assert "the names have changed" in done.stdout
    assert '"ml.example.org"' in (answered.authority / "issued" / "instances.yml").read_text()
    old = answered.authority / "issued" / "instances.yml"
    os.utime(old, (1_600_000_000, 1_600_000_000))
    assert "they are old" in answered.run("certificates.sh", TLS_HOSTS="ml.example.org").stdout
    assert "they are old" not in answered.run("certificates.sh", TLS_HOSTS="ml.example.org").stdout
    assert answered.calls() == ["ca", "cert", "cert", "cert"]
    assert (answered.secrets / "worker" / "ca.crt").read_bytes() == authority
    check_certificates(answered.secrets)


@pytest.mark.parametrize("wrong", ["ml.example.org; rm -rf /", "$(id)", "a b'c", "-x", '"', "*"])
def test_a_name_that_is_none_is_refused(stand: Stand, wrong: str) -> None:
    """Nothing of it is carried out, and it reaches no file."""
    stand.authority.mkdir()
    (stand.authority / "ca").mkdir()
    for name in ("ca.crt", "ca.key"):
        (stand.authority / "ca" / name).write_text("x")
    done = run(["sh", str(SETUP / "certificates.sh")], stand.environment(TLS_HOSTS=wrong) | {"HOME": "/nonexistent"})
    assert done.returncode == 1
    assert "is neither a host name nor an address" in done.stderr
    assert stand.calls() == []


@pytest.mark.slow
def test_killed_at_any_step_it_is_healed_by_the_next_run(answered: Stand) -> None:
    """Steps of every part of the script, and copies that got half way."""
    tools = answered.folder / "tools"
    tools.mkdir()
    for tool in ("cp", "mv", "rm", "mkdir", "chmod", "unzip", "cat", "find"):
        real = shutil.which(tool)
        assert real is not None
        write_program(tools / tool, SHIM.replace("TOOL", tool).replace("REAL", real))
    steps = answered.folder / "steps"
    path = f"{tools}:{os.environ['PATH']}"

    def attempt(die_at: int) -> subprocess.CompletedProcess[str]:
        steps.write_text("0")
        return answered.run("certificates.sh", PATH=path, STEPS=str(steps), DIE_AT=str(die_at))

    assert attempt(0).returncode == 0
    total = int(steps.read_text())
    assert total > 40
    killed = 0
    for die_at in (*range(1, 30, 3), *range(30, total + 1, 15)):
        for folder in (answered.authority, answered.secrets):
            shutil.rmtree(folder, ignore_errors=True)
        killed += attempt(die_at).returncode != 0
        healed = answered.run("certificates.sh")
        assert healed.returncode == 0, f"step {die_at}: {healed.stderr}"
        check_certificates(answered.secrets)
        left = {path.name for path in answered.authority.iterdir()}
        assert left == {"ca", "issued"}, f"step {die_at}"
    assert killed > 8


def test_passwords_go_where_they_are_needed(stand: Stand) -> None:
    """Each is readable by its service alone; a changed one is changed."""
    done = stand.run("passwords.sh", **PASSWORDS)
    assert done.returncode == 0, done.stderr
    found = {str(path.relative_to(stand.secrets)): path for path in stand.secrets.rglob("*") if path.is_file()}
    assert {name: path.read_text()[0] for name, path in found.items()} == {
        "elasticsearch/elastic_password": "e",
        "setup/elastic_password": "e",
        "setup/kibana_system_password": "k",
        "kibana/system_password": "k",
        "kibana/encryption_key": "c",
        "logstash/http_password": "l",
        "grafana/admin_password": "g",
    }
    assert {mode(path) for path in found.values()} == {"0o400"}, (
        "Elasticsearch takes a password file with 400 or 600 only"
    )
    assert stand.run("passwords.sh", **{**PASSWORDS, "GRAFANA_ADMIN_PASSWORD": "n" * 20}).returncode == 0
    assert found["grafana/admin_password"].read_text() == "n" * 20
    assert all(value not in done.stdout + done.stderr for value in PASSWORDS.values())


@pytest.mark.parametrize("name", sorted(PASSWORDS))
@pytest.mark.parametrize("wrong", ["", "short", "with space " * 5, 'quote"' * 8, "dollar$" * 8])
def test_a_password_that_will_not_do_is_refused_and_not_repeated(stand: Stand, name: str, wrong: str) -> None:
    """The message names the variable and a way to make one; nothing is written."""
    done = stand.run("passwords.sh", **{**PASSWORDS, name: wrong})
    assert done.returncode == 1
    assert name in done.stderr
    assert "openssl rand -hex" in done.stderr
    assert not wrong.strip() or wrong not in done.stderr
    assert not stand.secrets.exists()


def test_secrets_reach_the_environment_of_the_command_alone(tmp_path: Path) -> None:
    """Line ends that files have are dropped; arguments are kept as they are."""
    (tmp_path / "key").write_text("a b\n")
    script = str(SETUP / "with-secret.sh")
    program = 'import os, sys; print(os.environ["KEY"], sys.argv[1:])'
    done = run(["sh", script, f"KEY={tmp_path / 'key'}", "--", "python3", "-c", program, "x y", "--", "*"], os.environ)
    assert (done.returncode, done.stdout) == (0, "a b ['x y', '--', '*']\n"), done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["KEY={folder}/none", "--", "true"], 66, "cannot be read by"),
        (["KEY={folder}/empty", "--", "true"], 66, "is empty"),
        (["K-Y={folder}/key", "--", "true"], 64, "write VARIABLE=FILE"),
        (["KEY={folder}/key", "true"], 64, "write VARIABLE=FILE"),
        (["true"], 64, "write VARIABLE=FILE"),
        (["KEY={folder}/key", "--"], 64, "usage"),
        ([], 64, "usage"),
    ],
)
def test_a_missing_secret_is_told(tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    """And the command is not run."""
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "key").write_text("k")
    given = [argument.replace("{folder}", str(tmp_path)) for argument in arguments]
    done = run(["sh", str(SETUP / "with-secret.sh"), *given], os.environ)
    assert (done.returncode, says in done.stderr) == (code, True), done.stderr


class Cluster(ThreadingHTTPServer):
    """Answers the one request of kibana-password.sh as Elasticsearch does, over TLS."""

    def __init__(self, stand: Stand, password: str, sleepy: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.password, self.sleepy = password, sleepy
        self.asked: list[tuple[str, str]] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        folder = stand.secrets / "elasticsearch"
        context.load_cert_chain(folder / "tls.crt", folder / "tls.key")
        self.socket = context.wrap_socket(self.socket, server_side=True)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    server: Cluster

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.asked.append((self.path, body))
        right = "Basic " + b64encode(f"elastic:{self.server.password}".encode()).decode()
        code = 200
        if len(self.server.asked) <= self.server.sleepy:
            code = 503
        elif self.headers["Authorization"] != right:
            code = 401
        elif self.headers["Content-Type"] != "application/json" or not json.loads(body)["password"]:
            code = 400
        self.send_response(code)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def cluster(answered: Stand) -> Iterator[Cluster]:
    assert answered.run("certificates.sh").returncode == 0
    assert answered.run("passwords.sh", **PASSWORDS).returncode == 0
    shutil.copy(answered.secrets / "worker" / "ca.crt", answered.secrets / "setup" / "ca.crt")
    server = Cluster(answered, PASSWORDS["ELASTIC_PASSWORD"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def set_password(stand: Stand, cluster: Cluster, **more: str) -> subprocess.CompletedProcess[str]:
    own = {"SECRETS": str(stand.secrets / "setup"), "ELASTICSEARCH_URL": cluster.url, "PAUSE": "0", "TRIES": "5"}
    return stand.run("kibana-password.sh", **{**own, **more})


def test_kibanas_account_gets_its_password(answered: Stand, cluster: Cluster) -> None:
    """Over TLS that is checked, again and again, also from an Elasticsearch that is not ready yet."""
    cluster.sleepy = 2
    for _ in range(2):
        done = set_password(answered, cluster)
        assert (done.returncode, done.stdout) == (0, "kibana-password: set\n"), done.stderr
    path, body = cluster.asked[-1]
    assert path == "/_security/user/kibana_system/_password"
    assert json.loads(body) == {"password": PASSWORDS["KIBANA_SYSTEM_PASSWORD"]}
    assert len(cluster.asked) == 4


def test_another_password_of_elastic_is_told_at_once(answered: Stand, cluster: Cluster) -> None:
    """The volume keeps the first one: what to do is said, and nothing is tried again."""
    cluster.password = "another"
    done = set_password(answered, cluster)
    assert done.returncode == 1
    assert "elasticsearch-reset-password" in done.stderr
    assert len(cluster.asked) == 1
    assert PASSWORDS["ELASTIC_PASSWORD"] not in done.stderr


def test_an_unknown_authority_gets_no_password(answered: Stand, cluster: Cluster) -> None:
    """curl refuses the certificate before anything is sent."""
    other = Stand(answered.folder / "other")
    (answered.folder / "instances.yml").write_text("instances: []\n")
    prepare_answers(other, answered.folder / "instances.yml")
    shutil.unpack_archive(other.made / "ca.zip", other.folder)
    (answered.secrets / "setup" / "ca.crt").write_bytes((other.folder / "ca" / "ca.crt").read_bytes())
    done = set_password(answered, cluster, TRIES="1")
    assert done.returncode == 1
    assert "gave no answer" in done.stderr
    assert cluster.asked == []


def test_everybody_of_the_compose_file_gets_a_folder(answered: Stand) -> None:
    """The volumes that `setup` mounts are the folders that the script fills."""
    from tests.unit.deploy.compose import composed

    services = composed()["services"]
    targets = [volume.split(":")[1] for volume in services["setup"]["volumes"] if volume.startswith("secrets-")]
    assert answered.run("certificates.sh").returncode == 0
    assert answered.run("passwords.sh", **PASSWORDS).returncode == 0
    assert {path.name for path in answered.secrets.iterdir()} == {Path(target).name for target in targets}
    assert {Path(target).name for target in targets} == {*EVERYBODY, "setup"}
