"""deploy/kubernetes: valid for Kubernetes 1.33, closed in itself, within the restricted standard.

No cluster is needed: Kubernetes' own definitions, distilled, stand for its API server. Where kubectl is installed its
kustomize builds them for real.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from tests.unit.deploy.command_lines import parse
from tests.unit.deploy.compose import ROOT
from tests.unit.deploy.dockerfile import image_environment

from driftlog.config.environment import read_environment
from driftlog.config.load import load_settings
from driftlog.intake.access import check_exposure
from driftlog.store.local.settings import base_folder

FOLDER = ROOT / "deploy" / "kubernetes"
SCHEMA = json.loads((Path(__file__).parent / "schemas" / "kubernetes-1.33.json").read_text(encoding="utf-8"))
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))
OWN_VARIABLES = {"DRIFTLOG_CONFIG", "DRIFTLOG_ACTOR"}


def documents(path: Path) -> list[dict[str, Any]]:
    return [document for document in yaml.safe_load_all(path.read_text(encoding="utf-8")) if document]


RESOURCES = [document for name in KUSTOMIZATION["resources"] for document in documents(FOLDER / name)]
SECRETS = documents(FOLDER / "secrets.example.yaml")
LABEL = "app.kubernetes.io/name"


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    return [document for document in RESOURCES if document["kind"] in kinds]


def pods() -> Iterator[tuple[str, dict[str, Any], dict[str, str]]]:
    """Name, pod specification and labels of everything that runs."""
    for document in of_kind("Deployment", "Job", "CronJob"):
        spec = document["spec"]
        template = spec["jobTemplate"]["spec"]["template"] if document["kind"] == "CronJob" else spec["template"]
        yield document["metadata"]["name"], template["spec"], template["metadata"]["labels"]


def problems(document: dict[str, Any]) -> list[str]:
    schema = {"$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{SCHEMA['kinds'][document['kind']]}"}
    return [
        f"{list(each.absolute_path)}: {each.message}" for each in Draft202012Validator(schema).iter_errors(document)
    ]


@pytest.mark.parametrize("document", [*RESOURCES, *SECRETS], ids=lambda one: f"{one['kind']}-{one['metadata']['name']}")
def test_each_manifest_is_one_of_kubernetes(document: dict[str, Any]) -> None:
    """Every field is one that the API knows, with a value of its type."""
    assert problems(document) == []


def test_a_wrong_field_is_found() -> None:
    """The definitions are strict."""
    worker = json.loads(json.dumps(of_kind("Deployment")[0]))
    worker["spec"]["template"]["spec"]["containers"][0]["livenessProb"] = {}
    assert problems(worker)


def test_every_file_is_used() -> None:
    """By the kustomization, or it is the example of secrets."""
    files = {path.name for path in FOLDER.glob("*.yaml")} - {"kustomization.yaml", "secrets.example.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
@pytest.mark.parametrize("folder", [FOLDER, FOLDER / "monitoring"], ids=["base", "monitoring"])
def test_kustomize_builds_them(folder: Path) -> None:
    """With the real one: namespace, labels and image reach everything."""
    done = subprocess.run(
        ["kubectl", "kustomize", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    built = [document for document in yaml.safe_load_all(done.stdout) if document]
    assert all(one["metadata"].get("namespace") == "driftlog" for one in built if one["kind"] != "Namespace")
    if folder == FOLDER:
        assert len(built) == len(RESOURCES)
        assert all(problems(document) == [] for document in built)
        assert "image: registry.example.org/driftlog:latest" in done.stdout
        assert "image: driftlog\n" not in done.stdout


def test_what_is_referred_to_exists() -> None:
    """Settings, secrets and their keys, the service account, volumes."""
    maps = {one["metadata"]["name"]: set(one["data"]) for one in of_kind("ConfigMap")}
    secrets = {one["metadata"]["name"]: set(one["stringData"]) for one in SECRETS}
    used: set[str] = set()
    accounts = {one["metadata"]["name"] for one in of_kind("ServiceAccount")}
    for name, spec, _ in pods():
        assert spec["serviceAccountName"] in accounts
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for volume in volumes.values():
            assert volume.get("configMap", {}).get("name", "driftlog") in maps
            if "secret" in volume:
                used.add(volume["secret"]["secretName"])
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes), name
            for source in container["envFrom"]:
                assert source["configMapRef"]["name"] in maps
            for variable in container["env"]:
                if "valueFrom" in variable:
                    reference = variable["valueFrom"]["secretKeyRef"]
                    assert reference["key"] in secrets[reference["name"]], name
                    used.add(reference["name"])
    assert used == set(secrets)


def test_no_two_services_share_a_key() -> None:
    """A key for every role."""
    names = [
        variable["valueFrom"]["secretKeyRef"]["name"]
        for _, spec, _ in pods()
        for container in spec["containers"]
        for variable in container["env"]
        if "valueFrom" in variable
    ]
    assert len(names) == len(set(names)) == 5


def test_pods_keep_the_restricted_standard() -> None:
    """As the namespace demands: no root, no capability, nothing to write to but what is said."""
    namespace = of_kind("Namespace")[0]
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, spec, _ in pods():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for volume in spec["volumes"]:
            assert len(volume) == 2
            assert "hostPath" not in volume
            assert "emptyDir" not in volume or "sizeLimit" in volume["emptyDir"]
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, name
            assert context["readOnlyRootFilesystem"] is True, name
            assert context["capabilities"] == {"drop": ["ALL"]}, name
            assert set(container["resources"]["requests"]) == {"cpu", "memory"}
            assert "memory" in container["resources"]["limits"]


def test_no_variables_of_services_are_put_into_pods() -> None:
    """DRIFTLOG_EXPORTER_PORT would be taken for a setting, and refused."""
    assert all(spec["enableServiceLinks"] is False for _, spec, _ in pods())


def test_selectors_find_their_pods() -> None:
    """Of deployments, services, budgets and policies."""
    labels = {frozenset(found.items()) for _, _, found in pods()}
    for document in of_kind("Deployment", "PodDisruptionBudget"):
        assert frozenset(document["spec"]["selector"]["matchLabels"].items()) in labels
    for document in of_kind("Service"):
        assert frozenset(document["spec"]["selector"].items()) in labels
        targets = {port["targetPort"] for port in document["spec"]["ports"]}
        named = {port["name"] for _, spec, _ in pods() for c in spec["containers"] for port in c.get("ports", [])}
        assert targets <= named
    for document in of_kind("NetworkPolicy"):
        chosen = document["spec"]["podSelector"].get("matchLabels")
        assert chosen is None or frozenset(chosen.items()) in labels
    monitor = documents(FOLDER / "monitoring" / "service-monitor.yaml")[0]
    service = next(one for one in of_kind("Service") if one["metadata"]["name"] == "driftlog-exporter")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["endpoints"][0]["port"] in {port["name"] for port in service["spec"]["ports"]}


def test_commands_and_variables_are_driftlogs() -> None:
    """Every option exists, every variable is a setting, and together with the file they hold."""
    shared = next(one["data"] for one in of_kind("ConfigMap") if one["metadata"]["name"] == "driftlog-environment")
    file = next(one["data"]["driftlog.yml"] for one in of_kind("ConfigMap") if "driftlog.yml" in one["data"])
    ran = set()
    for _, spec, _ in pods():
        for container in spec["containers"]:
            ran.add(parse(container["args"]))
            environ = shared | {each["name"]: each.get("value", "x" * 20) for each in container["env"]}
            known = {variable for variable, _ in read_environment(environ, []).values()}
            assert known == set(environ) - OWN_VARIABLES
            mounted = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
            assert environ.pop("DRIFTLOG_CONFIG") == f"{mounted['settings']}/driftlog.yml"
            assert environ["DRIFTLOG_ELASTICSEARCH__CA_CERTS"] == f"{mounted['authority']}/ca.crt"
            path = FOLDER / "none.yml"
            settings = load_settings(None, environ, folder=path.parent)
            assert settings.elasticsearch.urls[0].startswith("https://")
            check_exposure(settings.intake)
    assert ran == {
        "driftlog setup",
        "driftlog worker",
        "driftlog janitor run",
        "driftlog export prometheus",
        "driftlog intake",
    }
    from driftlog.config.load import build_settings

    assert build_settings(yaml.safe_load(file), {}).intake.auto_register is False


def test_a_worker_is_restarted_for_its_own_silence_alone() -> None:
    """The probe runs the health check, and fails on exit code 1 only; it has more patience than the check takes."""
    worker = next(spec for name, spec, _ in pods() if name == "driftlog-worker")
    probe = worker["containers"][0]["livenessProbe"]
    assert probe["exec"]["command"][:2] == ["sh", "-c"]
    line = probe["exec"]["command"][2]
    parse(re.match(r"driftlog ([^;]+);", line)[1].split())  # type: ignore[index]
    for code, expected in ((0, 0), (1, 1), (3, 0)):
        script = line.replace("driftlog watchdog --here", f"(exit {code})")
        assert subprocess.run(["sh", "-c", script], check=False).returncode == expected
    assert probe["timeoutSeconds"] >= 60 < probe["periodSeconds"]


def test_two_workers_by_default_and_one_always() -> None:
    """A node may be drained without a pause of the monitoring."""
    worker = next(one for one in of_kind("Deployment") if one["metadata"]["name"] == "driftlog-worker")
    assert worker["spec"]["replicas"] == 2
    budget = next(one for one in of_kind("PodDisruptionBudget") if one["metadata"]["name"] == "driftlog-worker")
    assert budget["spec"]["minAvailable"] == 1
    assert budget["spec"]["selector"] == worker["spec"]["selector"]


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in of_kind(kind) if one["metadata"]["name"] == name)


def test_the_samples_of_seldon_find_the_intake() -> None:
    """Two of it, at the address and port that the loggers post to; open to namespaces that are labelled for it."""
    urls = {
        url
        for path in (ROOT / "deploy" / "seldon").glob("*.yaml")
        for url in re.findall(r"^ +url: (\S+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(urls) == 1
    host, port = re.match(r"http://([^:/]+):(\d+)/", urls.pop()).groups()  # type: ignore[union-attr]
    service = named("Service", host.removesuffix("." + KUSTOMIZATION["namespace"]))
    assert [each["port"] for each in service["spec"]["ports"]] == [int(port)]
    intake = named("Deployment", "driftlog-intake")
    assert intake["spec"]["replicas"] == 2
    (container,) = intake["spec"]["template"]["spec"]["containers"]
    environ = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    settings = load_settings(None, environ, folder=FOLDER).intake
    assert (settings.host, settings.http_port, settings.tcp_port) == ("0.0.0.0", int(port), None)
    assert [each["containerPort"] for each in container["ports"]] == [settings.http_port]
    (rule,) = named("NetworkPolicy", "driftlog-intake")["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": int(port)}]
    (sender,) = rule["from"]
    ((label, value),) = sender["namespaceSelector"]["matchLabels"].items()
    for page in ("deploy.md", "seldon.md"):
        assert "kubectl label namespace" in (ROOT / "docs" / page).read_text(encoding="utf-8")
        assert f" {label}={value}" in (ROOT / "docs" / page).read_text(encoding="utf-8")


def test_every_pod_reaches_elasticsearch_inside_and_outside() -> None:
    """9200 of a cluster, 443 of Elastic Cloud; and names."""
    default = named("NetworkPolicy", "driftlog-default")["spec"]
    assert default["podSelector"] == {}
    ports = {(port["protocol"], port["port"]) for rule in default["egress"] for port in rule["ports"]}
    assert ports == {("UDP", 53), ("TCP", 53), ("TCP", 9200), ("TCP", 443)}


def test_the_data_folder_is_in_a_volume() -> None:
    """Of every pod: the root file system cannot be written to, and the home is memory."""
    shared = named("ConfigMap", "driftlog-environment")["data"]
    for name, spec, _ in pods():
        for container in spec["containers"]:
            own = {each["name"]: each["value"] for each in container["env"] if "value" in each}
            folder = base_folder(image_environment() | shared | own, root=False, platform="linux")
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert mounts[str(folder)]["name"] == "state", name
            assert not mounts[str(folder)].get("readOnly", False), name


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_workers_share_a_claim_where_that_is_asked_for(tmp_path: Path) -> None:
    """With the line that the kustomization has as a comment; nothing else changes."""
    shutil.copytree(FOLDER, tmp_path / "kubernetes")
    path = tmp_path / "kubernetes" / "kustomization.yaml"
    text = path.read_text(encoding="utf-8")
    assert text.count("\n# components: [shared-state]\n") == 1
    path.write_text(text.replace("\n# components:", "\ncomponents:"), encoding="utf-8")
    done = subprocess.run(
        ["kubectl", "kustomize", str(path.parent)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    built = [document for document in yaml.safe_load_all(done.stdout) if document]
    (claim,) = [one for one in built if one["kind"] == "PersistentVolumeClaim"]
    assert len(built) == len(RESOURCES) + 1
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert claim["metadata"]["namespace"] == "driftlog"
    states = {
        one["metadata"]["name"]: volume
        for one in built
        if one["kind"] == "Deployment"
        for volume in one["spec"]["template"]["spec"]["volumes"]
        if volume["name"] == "state"
    }
    shared = states.pop("driftlog-worker")
    assert shared == {"name": "state", "persistentVolumeClaim": {"claimName": claim["metadata"]["name"]}}
    assert all("emptyDir" in volume for volume in states.values())
    assert all(problems(one) == [] for one in built if one["kind"] != "PersistentVolumeClaim")
