"""Settings of what driftlog puts into Kibana: where it is, whom its rules tell, and from when on."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

import msgspec

from driftlog.contract.strict import Secret, Strict


class KibanaConnectorSettings(Strict, frozen=True):
    """A further way for rules to tell people; all three need a Gold licence or higher.

    Attributes
    ----------
    id
        Of a connector that is there already: it is used as it is. Empty: one is made from the rest.
    to
        email: recipients.
    sender, host, port, secure
        email: the From address and the mail server; secure: TLS from the first byte.
    url
        slack: the incoming webhook; webhook: where each message is sent (POST).
    username, password
        Of the mail server, or of the webhook.
    """

    kind: Literal["email", "slack", "webhook"]
    id: str = ""
    to: tuple[str, ...] = ()
    sender: str = ""
    host: str = ""
    port: int | None = None
    secure: bool = False
    url: Secret | None = None
    username: str | None = None
    password: Secret | None = None


class KibanaRuleSettings(Strict, frozen=True):
    """When Kibana's rules speak.

    Attributes
    ----------
    worker_silent_after
        No cycle of any worker ended for this long.
    no_predictions_after
        No prediction of any model arrived for this long (this rule is off until it is turned on in Kibana).
    quarantined_per_hour
        More refused events of one reason within an hour.
    failed_predictions
        More failed predictions of one model within a quarter of an hour.
    error_rate
        A model's mean error rate over its last windows.
    performance_metric, performance_below
        Mean of this metric over the last windows; 0 to 1 for most.
    drifted_features
        So many drifted features of one model (several windows add up) are worth a message.
    """

    worker_silent_after: timedelta = timedelta(minutes=30)
    no_predictions_after: timedelta = timedelta(hours=1)
    quarantined_per_hour: int = 100
    failed_predictions: int = 20
    error_rate: float = 0.05
    performance_metric: str = "roc_auc"
    performance_below: float = 0.6
    drifted_features: int = 3


class KibanaSettings(Strict, frozen=True):
    """How to reach Kibana; API key, or user and password."""

    url: str = "http://127.0.0.1:5601"
    space: str = "default"
    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    ca_certs: str | None = None
    timeout_s: float = 60.0
    connectors: tuple[KibanaConnectorSettings, ...] = ()
    rules: KibanaRuleSettings = msgspec.field(default_factory=KibanaRuleSettings)
