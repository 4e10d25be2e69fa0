"""Connectors: where Kibana's rules write or send what they find.

Two need no more than the Basic licence and are always there: ``.index`` writes a document into
``<prefix>-notices`` (its mapping comes with `driftlog setup`), ``.server-log`` a line into Kibana's own log.
``.email``, ``.slack`` and ``.webhook`` need Gold or higher and are there only where the settings ask for them.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import msgspec

from driftlog.contract.kibana import KibanaConnectorSettings
from driftlog.contract.names import check_prefix
from driftlog.contract.strict import Secret

ConnectorKind = Literal["index", "server-log", "email", "slack", "webhook"]
Body = dict[str, Any]

TYPES: Final[dict[ConnectorKind, str]] = {
    "index": ".index",
    "server-log": ".server-log",
    "email": ".email",
    "slack": ".slack",
    "webhook": ".webhook",
}
BASIC: Final = ("index", "server-log")
_NAMESPACE: Final = uuid.UUID("6f8b0d3e-4f0b-5b52-9b0a-6d3a3c1f7d11")


def entity_id(prefix: str, space: str, kind: str, name: str) -> str:
    """Id of a rule or connector: always the same, and different in every space and installation.

    Kibana refuses ids of such objects that are no UUIDs, and an id may be used in one space only.

    >>> entity_id("driftlog", "default", "connector", "index")
    'aa5b6bb4-52c8-5291-8d87-dd6cbba555d3'
    """
    return str(uuid.uuid5(_NAMESPACE, f"{check_prefix(prefix)}|{space}|{kind}|{name}"))


def notices_index(prefix: str) -> str:
    """Where rules and watches write what they find.

    >>> notices_index("driftlog")
    'driftlog-notices'
    """
    return f"{check_prefix(prefix)}-notices"


@dataclass(frozen=True, slots=True)
class Connector:
    """One connector.

    Attributes
    ----------
    managed
        Made and kept by driftlog; otherwise it is there already and used as it is.
    secrets
        What Kibana keeps encrypted and never shows again.
    to
        Recipients of an email.
    """

    kind: ConnectorKind
    id: str
    title: str
    managed: bool = True
    config: Body = field(default_factory=dict)
    secrets: dict[str, Secret] = field(default_factory=dict)
    to: tuple[str, ...] = ()

    def body(self) -> Body:
        """Body of ``POST /api/actions/connector/{id}``; the only place where secrets are written out."""
        shown = {name: secret.reveal() for name, secret in self.secrets.items()}
        return {
            "name": self.title,
            "connector_type_id": TYPES[self.kind],
            "config": self.config,
            "secrets": shown,
        }


@dataclass(frozen=True, slots=True)
class Notice:
    """What a rule says once: opened or recovered. The texts are mustache templates.

    Attributes
    ----------
    level
        Of the line in Kibana's log.
    document
        What goes into the index.
    """

    subject: str
    text: str
    level: Literal["info", "warn", "error"]
    document: Body


def connectors(prefix: str, space: str, further: Sequence[KibanaConnectorSettings] = ()) -> tuple[Connector, ...]:
    """The connectors of an installation in one space, those of the Basic licence first."""
    index = Connector(
        "index",
        entity_id(prefix, space, "connector", "index"),
        f"{prefix}: index of notices",
        config={"index": notices_index(prefix), "refresh": False, "executionTimeField": "@timestamp"},
    )
    log = Connector("server-log", entity_id(prefix, space, "connector", "server-log"), f"{prefix}: log of Kibana")
    return (index, log, *(_further(prefix, space, one) for one in further))


def possible_ids(prefix: str, space: str) -> dict[str, ConnectorKind]:
    """Ids of all connectors that driftlog may have made here, whatever is asked for now."""
    return {entity_id(prefix, space, "connector", kind): kind for kind in TYPES}


def _further(prefix: str, space: str, wanted: KibanaConnectorSettings) -> Connector:
    if wanted.id:
        return Connector(wanted.kind, wanted.id, wanted.id, managed=False, to=wanted.to)
    id = entity_id(prefix, space, "connector", wanted.kind)
    secrets: dict[str, Secret] = {}
    if wanted.username and wanted.password:
        secrets = {"user": Secret(wanted.username), "password": wanted.password}
    title = f"{prefix}: {wanted.kind}"
    if wanted.kind == "email":
        config: Body = {
            "service": "other",
            "from": wanted.sender,
            "host": wanted.host,
            "port": wanted.port or (465 if wanted.secure else 587),
            "secure": wanted.secure,
            "hasAuth": bool(secrets),
        }
        return Connector("email", id, title, config=config, secrets=secrets, to=wanted.to)
    address = wanted.url or Secret("")
    if wanted.kind == "slack":
        return Connector("slack", id, title, secrets={"webhookUrl": address})
    config = {"url": address.reveal(), "method": "post", "hasAuth": bool(secrets)}
    config |= {"headers": {"Content-Type": "application/json"}}
    return Connector("webhook", id, title, config=config, secrets=secrets)


def action_params(connector: Connector, notice: Notice) -> Body:
    """What an action hands to `connector`, still with its mustache variables."""
    if connector.kind == "index":
        return {"documents": [notice.document]}
    if connector.kind == "server-log":
        return {"level": notice.level, "message": f"{notice.subject}: {notice.text}"}
    if connector.kind == "email":
        return {"to": list(connector.to), "subject": notice.subject, "message": notice.text}
    if connector.kind == "slack":
        return {"message": f"*{notice.subject}*\n{notice.text}"}
    return {"body": msgspec.json.encode(notice.document).decode()}
