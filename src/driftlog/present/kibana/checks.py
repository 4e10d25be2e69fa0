"""What must be so before anything is installed: Kibana's version, the space, and that rules can be made."""

from __future__ import annotations

from typing import Final

from driftlog.contract.errors import KibanaError
from driftlog.present.kibana.client import Kibana, part

OLDEST: Final = 9
"""Major version of Kibana whose saved objects these are."""


def check_version(kibana: Kibana) -> str:
    """Version of Kibana.

    Raises
    ------
    KibanaError
        It is older than 9.0, or what answers is no Kibana.
    """
    body = kibana.get("/api/status").body
    version = body.get("version", {}).get("number") if isinstance(body, dict) else None
    if not isinstance(version, str):
        raise KibanaError(
            "/api/status does not say the version of Kibana",
            remedy="check the address; without valid credentials Kibana does not say it either",
        )
    if int(version.split(".")[0]) < OLDEST:
        raise KibanaError(
            f"this is Kibana {version}; {OLDEST}.0 or later is needed",
            remedy=f"upgrade it: saved objects of {OLDEST}.0 cannot be imported into an older one",
        )
    return version


def check_space(kibana: Kibana, *, create: bool = False) -> bool:
    """Whether the space had to be created. Kibana itself accepts objects for a space that does not exist.

    Raises
    ------
    KibanaError
        It does not exist, and was not to be created.
    """
    path = f"/api/spaces/space/{part(kibana.space)}"
    if kibana.request("GET", path, expect=(200, 404), in_space=False).status == 200:
        return False
    if not create:
        raise KibanaError(
            f"there is no space {kibana.space!r} in this Kibana",
            remedy="name another with --space, make it in Kibana, or add --create-space (needs the privilege to)",
            status=404,
        )
    body = {"id": kibana.space, "name": kibana.space, "description": "Machine-learning models watched by driftlog"}
    kibana.request("POST", "/api/spaces/space", body=body, expect=(200, 409), in_space=False)
    return True


def check_alerting(kibana: Kibana) -> None:
    """Return when rules and connectors can be made.

    Raises
    ------
    KibanaError
        Kibana has no lasting encryption key, or security or API keys are off.
    """
    body = kibana.get("/api/alerting/_health").body
    if not isinstance(body, dict):
        raise KibanaError("/api/alerting/_health answers no JSON object", remedy="check the address")
    if not body.get("has_permanent_encryption_key", True):
        raise KibanaError(
            "Kibana has no encryption key; rules and connectors cannot be made without",
            remedy="set xpack.encryptedSavedObjects.encryptionKey in kibana.yml (`bin/kibana-encryption-keys generate` "
            "makes one) and restart it; or leave rules out: --only dashboards",
        )
    if not body.get("is_sufficiently_secure", True):
        raise KibanaError(
            "Kibana's rules need API keys, which need TLS between Kibana and Elasticsearch",
            remedy="turn on xpack.security.http.ssl in Elasticsearch; or leave rules out: --only dashboards",
        )
