"""Ask a local server how it is, without proxies and with its own certificate authority."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from driftlog.store.local.layout import CLUSTER_NAME

ADMINISTRATOR = "driftlog"


@dataclass(frozen=True)
class Endpoint:
    """Where a local server listens and how to be let in."""

    port: int
    secure: bool
    ca_cert: Path
    password_file: Path

    @property
    def url(self) -> str:
        """Base address.

        >>> Endpoint(9287, False, Path(), Path()).url
        'http://127.0.0.1:9287'
        """
        return f"{'https' if self.secure else 'http'}://127.0.0.1:{self.port}"


def cluster_health(endpoint: Endpoint, *, timeout_s: float = 5.0) -> str | None:
    """Return ``green``, ``yellow`` or ``red``; None when nothing answers, or something that is not our cluster."""
    request = urllib.request.Request(f"{endpoint.url}/_cluster/health")  # noqa: S310 - http(s) to 127.0.0.1
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    try:
        if endpoint.secure:
            handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=endpoint.ca_cert)))
            password = endpoint.password_file.read_text(encoding="utf-8").strip()
            token = base64.b64encode(f"{ADMINISTRATOR}:{password}".encode()).decode()
            request.add_header("Authorization", f"Basic {token}")
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as response:
            answer = json.loads(response.read(1_000_000))
    except urllib.error.HTTPError as error:
        error.close()
        return None
    except (OSError, ValueError):
        return None
    return str(answer["status"]) if isinstance(answer, dict) and answer.get("cluster_name") == CLUSTER_NAME else None
