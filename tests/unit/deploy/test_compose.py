"""docker-compose.yml: valid, closed in itself, secured, and in step with what driftlog and Logstash read.

No Docker engine is needed or used: Compose's own schema, and the rules that its engine would apply, stand for it.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from tests.unit.deploy.command_lines import parse
from tests.unit.deploy.compose import (
    ENV_EXAMPLE,
    FILE,
    OF_COMPOSE,
    ROOT,
    Refused,
    composed,
    env_file,
    filled,
    interpolate,
    raw,
    references,
    started_by,
    words,
)
from tests.unit.deploy.dockerfile import image_environment

from driftlog.config.environment import read_environment
from driftlog.config.load import load_settings
from driftlog.store.local.settings import base_folder

SCHEMA = json.loads((Path(__file__).parent / "schemas" / "compose-spec.json").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = composed()["services"]
ONCE = {"setup", "kibana-password", "accounts", "kibana-objects"}
TOOLS = {"cli"}
RUNNING = sorted(set(SERVICES) - ONCE - TOOLS)
PROFILES = ("core", "observability", "second-logstash", "tools")
TEXT = FILE.read_text(encoding="utf-8")
PASSWORDS = [name for name, uses in references(TEXT).items() if any(kind == ":?" for kind, _ in uses)]
OWN_VARIABLES = {"DRIFTLOG_CONFIG", "DRIFTLOG_ACTOR"}
"""Variables of driftlog that are no settings."""
SECRET_SETTINGS = (
    "DRIFTLOG_ELASTICSEARCH__API_KEY",
    "DRIFTLOG_ELASTICSEARCH__PASSWORD",
    "DRIFTLOG_JANITOR__API_KEY",
    "DRIFTLOG_KIBANA__API_KEY",
)


def of_driftlog() -> list[str]:
    return sorted(name for name, service in SERVICES.items() if service["image"].startswith("driftlog:"))


def variables(name: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[name].get("environment", {}).items()}


def mounts(name: str) -> list[tuple[str, str, str]]:
    """Source, target and mode of each volume of a service."""
    found = []
    for volume in SERVICES[name].get("volumes", []):
        source, target, mode = (*volume.split(":"), "rw")[:3]
        found.append((source, target, mode))
    return found


def test_the_file_keeps_composes_schema() -> None:
    """Before and after the variables are filled in; and a wrong option is found."""
    validator = Draft7Validator(SCHEMA)
    for content in (raw(), composed(), composed({**filled(), "ELASTICSEARCH_MEMORY": "8g"})):
        assert [error.message for error in validator.iter_errors(content)] == []
    broken = raw()
    broken["services"]["kibana"]["mem_limits"] = "1g"
    assert list(validator.iter_errors(broken))


@pytest.mark.parametrize("name", PASSWORDS)
@pytest.mark.parametrize("how", ["absent", "empty"])
def test_a_missing_password_stops_everything_and_says_what_to_do(name: str, how: str) -> None:
    """No service has a default password."""
    environ = {**filled(), name: ""}
    if how == "absent":
        del environ[name]
    with pytest.raises(Refused, match=rf"{name} is missing a value: set {name} in \.env \(openssl rand -hex \d+\)"):
        composed(environ)


def test_the_passwords_are_these_and_the_example_has_none() -> None:
    """As copied, .env.example starts nothing."""
    assert sorted(PASSWORDS) == sorted(name for name in env_file() if "PASSWORD" in name or name.endswith("_KEY"))
    assert {name: env_file()[name] for name in PASSWORDS} == dict.fromkeys(PASSWORDS, "")
    with pytest.raises(Refused):
        composed(env_file())


def test_variables_and_the_example_are_the_same() -> None:
    """Each variable of the file is in .env.example with the same default, and the other way round."""
    used, named = references(TEXT), env_file()
    assert set(used) == set(named) - OF_COMPOSE
    for name, uses in used.items():
        assert {kind for kind, _ in uses} <= {":-", ":?"}, f"{name}: undefined when it is not set"
        defaults = {default for kind, default in uses if kind == ":-"}
        assert defaults <= {named[name]}, f"{name}: {defaults} and {named[name]!r}"


def test_only_known_forms_of_references_are_read() -> None:
    """The reading in these tests is no more lenient than Compose's."""
    assert interpolate("a$$b ${X:-y} ${Z:-}", {}) == "a$b y "
    assert interpolate({"k": ["${X-y}", 1]}, {"X": ""}) == {"k": ["", 1]}
    for wrong in ("$", "${", "${X", "${X:+y}", "$X", "${1X}", "${X}"):
        with pytest.raises(Refused):
            interpolate(wrong, {})


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_alone_is_complete(profile: str) -> None:
    """What a service of it waits for belongs to it; else Compose refuses to start it."""
    started = started_by(SERVICES, profile)
    assert started
    for name in started:
        assert set(SERVICES[name].get("depends_on", {})) <= started, name


def test_profiles_are_those_of_the_issue_and_the_example_starts_two() -> None:
    """core and observability by default; the others on demand."""
    assert {profile for service in SERVICES.values() for profile in service["profiles"]} == set(PROFILES)
    assert env_file()["COMPOSE_PROFILES"].split(",") == ["core", "observability"]
    core, observability = started_by(SERVICES, "core"), started_by(SERVICES, "observability")
    assert core >= {"elasticsearch", "kibana", "logstash", "worker", "janitor", *ONCE}
    assert observability >= {"elasticsearch", "exporter", "prometheus", "grafana"}
    assert not {"cli", "logstash-2"} & (core | observability)


def test_everybody_waits_for_the_right_thing() -> None:
    """Until it is healthy, or, where it ends, until it has ended well; and nobody waits in a circle."""
    for name, service in SERVICES.items():
        for other, how in service.get("depends_on", {}).items():
            expected = "service_completed_successfully" if other in ONCE else "service_healthy"
            assert how == {"condition": expected}, f"{name} on {other}"
    started: set[str] = set()
    while started != set(SERVICES):
        ready = {name for name, one in SERVICES.items() if set(one.get("depends_on", {})) <= started} - started
        assert ready, f"a circle among {set(SERVICES) - started}"
        started |= ready


@pytest.mark.parametrize("name", RUNNING)
def test_a_service_that_goes_on_running_is_watched(name: str) -> None:
    """It has a health check with patience at the start, and is started again."""
    check = SERVICES[name]["healthcheck"]
    assert set(check) == {"test", "interval", "timeout", "retries", "start_period"}
    assert check["test"][0] in ("CMD", "CMD-SHELL")
    assert SERVICES[name]["restart"] == "unless-stopped"


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_service_is_held_in_bounds(name: str) -> None:
    """Memory, logs and rights; root only where files are given to others, and then without the network or the rest."""
    service = SERVICES[name]
    assert re.fullmatch(r"\d+[mg]", service["mem_limit"])
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    assert "privileged" not in service
    assert set(service.get("cap_add", [])) <= {"CHOWN", "DAC_OVERRIDE", "FOWNER"}
    if "user" in service or "cap_add" in service:
        assert name in ONCE
    assert service.get("read_only", False) == (name in {*of_driftlog(), "prometheus", "grafana"})


def test_a_service_that_runs_once_may_run_at_every_start() -> None:
    """It is not restarted; the next `up` runs it again."""
    assert {SERVICES[name]["restart"] for name in ONCE} == {"no"}


def test_volumes_and_networks_are_declared_and_used() -> None:
    """None is missing, none is left over."""
    content = composed()
    named = {source for name in SERVICES for source, _, _ in mounts(name) if not source.startswith("./")}
    assert named == set(content["volumes"])
    assert {net for one in SERVICES.values() for net in one.get("networks", [])} == set(content["networks"])
    assert SERVICES["setup"]["network_mode"] == "none"
    for name in set(SERVICES) - {"setup"}:
        assert SERVICES[name]["networks"], name


def test_every_bind_mount_is_a_file_of_the_project_and_cannot_be_written() -> None:
    """A file that is not there becomes an empty folder in the container."""
    found = {(name, source, mode) for name in SERVICES for source, _, mode in mounts(name) if source.startswith("./")}
    assert len(found) > 20
    for name, source, mode in found:
        assert mode == "ro", f"{name}: {source}"
        assert (ROOT / source).exists(), f"{name}: {source}"


def test_a_secret_is_in_the_volume_of_its_service_alone() -> None:
    """Nobody but those who make them can read another service's key; who reads them cannot write them."""
    makers = {"setup", "accounts"}
    users: dict[str, set[str]] = {}
    for name in SERVICES:
        for source, _, mode in mounts(name):
            if source.startswith("secrets-") or source == "authority":
                users.setdefault(source, set()).add(name)
                assert (mode == "rw") == (name in makers and source != "secrets-setup") or (
                    name == "setup" and source == "secrets-setup" and mode == "rw"
                ), f"{name}: {source}"
    shared = {"secrets-logstash": {"logstash", "logstash-2"}, "secrets-setup": {"kibana-password"}}
    for source, names in users.items():
        own = source.removeprefix("secrets-")
        assert names - makers == shared.get(source, {own} & set(SERVICES)), source
    assert users["authority"] == {"setup"}


def test_no_secret_is_in_the_environment_of_a_service_that_goes_on_running() -> None:
    """`docker inspect` shows none: they come from files."""
    secret = "s3cret-" + "x" * 40
    content = composed({**filled(), **dict.fromkeys(PASSWORDS, secret)})
    told = {name for name, service in content["services"].items() if secret in json.dumps(service)}
    assert told == {"setup"}


def test_only_services_that_set_up_have_the_superusers_password() -> None:
    """Kibana's rules keep the rights of who saved them: a key of their own, given again at every start."""
    has = {
        name
        for name in SERVICES
        if name != "setup" and {"secrets-setup", "secrets-elasticsearch"} & {source for source, _, _ in mounts(name)}
    }
    assert has == {"elasticsearch", "kibana-password", "accounts"}
    objects = SERVICES["kibana-objects"]
    assert "DRIFTLOG_KIBANA__API_KEY=/run/driftlog/api_key" in objects["entrypoint"]
    assert not {"DRIFTLOG_KIBANA__USERNAME", "DRIFTLOG_KIBANA__PASSWORD"} & set(variables("kibana-objects"))
    assert words(objects["command"]) == ["kibana", "install", "--again"]
    assert set(objects["depends_on"]) == {"kibana", "accounts"}


def test_what_is_to_last_is_written_to_a_volume() -> None:
    """Versions of models, trainings, and how far exporters have pushed: driftlog's data folder, as the image has it."""
    for name in ("worker", "exporter", "cli"):
        folder = base_folder(image_environment() | variables(name), root=False, platform="linux")
        source = {target: (source, mode) for source, target, mode in mounts(name)}[str(folder)]
        assert source == ("exporter" if name == "exporter" else "worker", "rw")


def test_secrets_of_the_settings_come_from_a_file_that_git_leaves_out() -> None:
    """driftlog.yml may refer to variables: every service that reads it gets them, and none is needed."""
    for name in of_driftlog():
        assert SERVICES[name]["env_file"] == [{"path": "./deploy/driftlog.env", "required": False}]
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {".env", "/deploy/driftlog.env"} <= set(ignored)


def test_ports_are_of_this_machine_alone_and_differ() -> None:
    """127.0.0.1 unless .env says otherwise, and Prometheus, which has no passwords, always."""
    published = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert all(port.startswith("127.0.0.1:") for port in published)
    hosts = [port.split(":")[1] for port in published]
    assert len(set(hosts)) == len(hosts)
    opened = composed({**filled(), "BIND_ADDRESS": "0.0.0.0"})["services"]
    assert [port for port in opened["prometheus"]["ports"] if not port.startswith("127.0.0.1:")] == []
    assert opened["kibana"]["ports"] == ["0.0.0.0:5601:5601"]


def test_there_may_be_many_workers() -> None:
    """`--scale worker=3`: no name, no port and no identity that two would share."""
    worker = SERVICES["worker"]
    assert not {"container_name", "ports", "hostname"} & set(worker)
    assert "DRIFTLOG_WORKER__ID" not in variables("worker")
    assert "--id" not in words(worker["command"])
    assert all("container_name" not in service for service in SERVICES.values())


def test_two_logstashes_share_no_queue() -> None:
    """The second one with the first one's folder would stop."""
    data = variables("logstash")["LOGSTASH_DATA"]
    folders = {
        name: next(source for source, target, _ in mounts(name) if target == data)
        for name in ("logstash", "logstash-2")
    }
    assert folders == {"logstash": "logstash", "logstash-2": "logstash-2"}
    assert variables("logstash") == variables("logstash-2")


def test_images_are_named_by_version() -> None:
    """A new version comes when somebody says so."""
    for name, service in SERVICES.items():
        tag = service["image"].rpartition(":")[2]
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag) or service["image"] == "driftlog:latest", name
    stack = {one["image"].rpartition(":")[2] for one in SERVICES.values() if "docker.elastic.co" in one["image"]}
    assert stack == {env_file()["STACK_VERSION"]}


@pytest.mark.parametrize("name", of_driftlog())
def test_every_variable_of_driftlog_is_a_setting(name: str) -> None:
    """With the file that is mounted, they make settings that hold."""
    environ = variables(name)
    passed = [word.partition("=")[0] for word in words(SERVICES[name]["entrypoint"]) if word.startswith("DRIFTLOG_")]
    environ |= dict.fromkeys(passed, "x" * 20)
    known = read_environment(environ, [])
    assert {variable for variable, _ in known.values()} == {key for key in environ if key not in OWN_VARIABLES}
    authority = environ.pop("DRIFTLOG_ELASTICSEARCH__CA_CERTS")
    assert authority == "/run/driftlog/ca.crt"
    file = {target: source for source, target, _ in mounts(name)}[environ.pop("DRIFTLOG_CONFIG")]
    settings = load_settings(ROOT / file, environ)
    assert settings.elasticsearch.urls == ("https://elasticsearch:9200",)


@pytest.mark.parametrize("name", sorted(set(of_driftlog()) - {"accounts", "cli"}))
def test_every_command_of_driftlog_exists(name: str) -> None:
    """What is run, and what the health check runs."""
    service = SERVICES[name]
    commands = [[*words(service["entrypoint"]), *words(service["command"])]]
    if "healthcheck" in service and "with-secret" in service["healthcheck"]["test"]:
        commands.append(service["healthcheck"]["test"][1:])
    for command in commands:
        cut = command.index("--")
        assert command[0] == "with-secret"
        assert all(word.partition("=")[0] in SECRET_SETTINGS for word in command[1:cut])
        assert command[cut + 1] == "driftlog"
        parse(command[cut + 2 :])


LOGSTASH = ROOT / "logstash"
READ_BY_LOGSTASH = {
    match[1]: match[2]
    for path in (*LOGSTASH.rglob("*.conf"), *LOGSTASH.glob("*.yml"))
    for match in re.finditer(r"\$\{([A-Z_][A-Z0-9_]*)(?::([^}]*))?\}", path.read_text(encoding="utf-8"))
}


def test_every_variable_of_logstash_is_read_and_none_is_missing() -> None:
    """No setting of its own by the environment beside the mounted logstash.yml, which would be written to."""
    given = set(variables("logstash")) - {"LS_JAVA_OPTS"}
    script = (ROOT / "deploy/setup/logstash.sh").read_text(encoding="utf-8")
    exported = {name for line in re.findall(r"^export (.+)$", script, re.MULTILINE) for name in line.split()}
    assert given <= set(READ_BY_LOGSTASH)
    assert exported <= set(READ_BY_LOGSTASH)
    inputs = variables("logstash")["DRIFTLOG_INPUTS"]
    output = variables("logstash")["DRIFTLOG_OUTPUT"]
    used = [*(LOGSTASH / "inputs" / inputs).glob("*.conf"), LOGSTASH / "inputs/dead-letters.conf"]
    used += [LOGSTASH / f"outputs/{output}.conf", *(LOGSTASH / "filters").glob("*.conf"), *LOGSTASH.glob("*.yml")]
    needed = {
        name for path in used for name in re.findall(r"\$\{([A-Z_][A-Z0-9_]*)\}", path.read_text(encoding="utf-8"))
    }
    assert needed == (given | exported) & needed, "Logstash stops at a variable that is not set"


def test_logstash_gets_the_files_it_names() -> None:
    """The folder, its two settings files, and nothing in the image's own."""
    targets = {target: source for source, target, _ in mounts("logstash")}
    assert targets[variables("logstash")["DRIFTLOG_LOGSTASH_HOME"]] == "./logstash"
    assert targets["/usr/share/logstash/config/logstash.yml"] == "./logstash/logstash.yml"
    assert targets["/usr/share/logstash/config/pipelines.yml"] == "./logstash/pipelines.yml"
    check = SERVICES["logstash"]["healthcheck"]["test"][1]
    pipelines = (LOGSTASH / "pipelines.yml").read_text(encoding="utf-8")
    assert re.findall(r"_node/pipelines/([a-z-]+)", check)[0] in re.findall(r"pipeline\.id: (\S+)", pipelines)


def test_published_ports_are_those_that_are_listened_on() -> None:
    """Of Logstash by its defaults, of the others by their files."""
    ports = {name: {port.split(":")[2] for port in one["ports"]} for name, one in SERVICES.items() if "ports" in one}
    listened = {READ_BY_LOGSTASH[f"DRIFTLOG_{kind}_PORT"] for kind in ("HTTP", "TCP", "CLOUD_EVENTS", "BEATS")}
    inputs = (LOGSTASH / "inputs" / variables("logstash")["DRIFTLOG_INPUTS"]).glob("*.conf")
    texts = [path.read_text(encoding="utf-8") for path in inputs]
    assert {port for text in texts for port in re.findall(r"_PORT:(\d+)", text)} == listened
    assert ports["logstash"] == listened
    assert ports["logstash-2"] <= listened
    assert ports["kibana"] == {"5601"}
    assert "DRIFTLOG_HTTP_PORT" not in variables("logstash")


def test_the_scripts_that_are_named_are_there() -> None:
    """Those of /setup, and they can be run."""
    named = set(re.findall(r"/setup/([a-z-]+\.sh)", TEXT))
    scripts = {path.name for path in (ROOT / "deploy/setup").iterdir()}
    assert named <= scripts
    assert scripts - named <= set()
    assert all(os.access(ROOT / "deploy/setup" / name, os.X_OK) for name in scripts)


def test_kibana_reads_the_variables_it_gets() -> None:
    """And no name of Kibana's own settings is among them: those would be seen on its command line."""
    text = (ROOT / "deploy/kibana/kibana.yml").read_text(encoding="utf-8")
    given = set(variables("kibana"))
    given |= {word.partition("=")[0] for word in SERVICES["kibana"]["entrypoint"] if "=/" in word}
    assert set(re.findall(r"\$\{([A-Z_]+)\}", text.split("\n", 1)[1])) == given
    assert not any(name.startswith(("ELASTICSEARCH_", "SERVER_", "XPACK_")) for name in given)


def test_grafana_gets_every_variable_of_its_files() -> None:
    """And finds the dashboards where its provider looks for them."""
    folder = ROOT / "deploy/grafana/provisioning"
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*.yml")]
    used = {name for text in texts for name in re.findall(r"\$\{?(DRIFTLOG_[A-Z_]+)", text)}
    given = {name for name in variables("grafana") if name.startswith("DRIFTLOG_")}
    given |= {word.partition("=")[0] for word in SERVICES["grafana"]["entrypoint"] if word.startswith("DRIFTLOG_")}
    assert used == given
    targets = {target for _, target, _ in mounts("grafana")}
    paths = {path for text in texts for path in re.findall(r"^\s+path: (/\S+)$", text, re.MULTILINE)}
    assert paths <= targets


def test_every_secret_file_that_is_named_is_made() -> None:
    """By setup or by accounts, in the volume that the service has at that place."""
    scripts = {
        name: (ROOT / "deploy/setup" / name).read_text(encoding="utf-8") for name in ("passwords.sh", "accounts.sh")
    }
    made = set(re.findall(r"^put \S+ (\S+) ", scripts["passwords.sh"], re.MULTILINE))
    made |= set(re.findall(r"^  ([a-z-]+/[a-z_]+):", scripts["accounts.sh"], re.MULTILINE))
    for name, service in SERVICES.items():
        for source, target, _ in mounts(name):
            if not source.startswith("secrets-") or name in ("setup", "accounts"):
                continue
            text = json.dumps(
                {key: service.get(key) for key in ("entrypoint", "command", "environment", "healthcheck")}
            )
            for file in set(re.findall(rf"{target}/([a-z_.]+)", text)) - {"ca.crt", "tls.crt", "tls.key"}:
                assert f"{source.removeprefix('secrets-')}/{file}" in made, f"{name}: {file}"


def test_the_example_says_how_to_fill_it_in() -> None:
    """The loop of its first lines names every password, and no other variable."""
    head = ENV_EXAMPLE.read_text(encoding="utf-8").split("# ----")[0]
    loop = re.search(r"for name in ([A-Z_ ]+);", head)
    assert loop is not None
    assert sorted(loop[1].split()) == sorted(PASSWORDS)
