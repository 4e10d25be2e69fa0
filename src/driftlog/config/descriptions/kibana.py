"""What is put into Kibana."""

from __future__ import annotations

from typing import Final

_CONNECTOR: Final = "kibana.connectors[]"
_RULES: Final = "kibana.rules"

KIBANA: Final[dict[str, str]] = {
    "kibana.url": "Address of Kibana, with its base path where it has one.",
    "kibana.space": "The space that gets dashboards and rules.",
    "kibana.api_key": "API key (encoded, or id:key) of whoever may write there; write ${VARIABLE}.",
    "kibana.username": "Instead of an API key.",
    "kibana.password": "Its password; write ${VARIABLE}.",
    "kibana.ca_certs": "Certificate authority of Kibana's certificate (PEM), where the system does not know it.",
    "kibana.timeout_s": "Seconds that Kibana may take for one answer.",
    "kibana.connectors": "Whom its rules tell beside the index and Kibana's log; needs a Gold licence.",
    f"{_CONNECTOR}.kind": "email, slack or webhook.",
    f"{_CONNECTOR}.id": "A connector that is there already; empty: one is made from what follows.",
    f"{_CONNECTOR}.to": "email: recipients.",
    f"{_CONNECTOR}.sender": "email: the From address.",
    f"{_CONNECTOR}.host": "email: the mail server.",
    f"{_CONNECTOR}.port": "email: its port.",
    f"{_CONNECTOR}.secure": "email: TLS from the first byte (port 465).",
    f"{_CONNECTOR}.url": "slack, webhook: the address that gets the message; write ${VARIABLE}.",
    f"{_CONNECTOR}.username": "email, webhook: user name.",
    f"{_CONNECTOR}.password": "Its password; write ${VARIABLE}.",
    f"{_RULES}.worker_silent_after": "No cycle ended for this long: the worker is silent.",
    f"{_RULES}.no_predictions_after": "No prediction of any model for this long (this rule is off at first).",
    f"{_RULES}.quarantined_per_hour": "More refused events of one reason within an hour.",
    f"{_RULES}.failed_predictions": "More failed predictions of one model within 15 minutes.",
    f"{_RULES}.error_rate": "A higher mean error rate over a model's last windows.",
    f"{_RULES}.performance_metric": "The metric whose mean over the last windows is looked at.",
    f"{_RULES}.performance_below": "A lower mean.",
    f"{_RULES}.drifted_features": "So many drifted features, or more.",
}
