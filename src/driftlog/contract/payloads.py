"""Payloads that a serving platform logs: requests and responses of a model, each a document of its own until paired.

Seldon Core and KServe post what goes into a model and what comes out of it as two CloudEvents. Each is kept as one
**half** in ``<prefix>-payloads.<YYYY-MM>``; the worker makes prediction events of two halves with the same request id.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from driftlog.contract.events import DriftlogGroup, EventGroup, Group, ModelGroup
from driftlog.contract.strict import Strict

Kind = Literal["request", "response", "feedback"]
State = Literal["waiting", "paired", "expired", "refused"]

EVENT_TYPES: Final[dict[str, Kind]] = {
    "io.seldon.serving.inference.request": "request",
    "io.seldon.serving.inference.response": "response",
    "io.seldon.serving.feedback": "feedback",
    "org.kubeflow.serving.inference.request": "request",
    "org.kubeflow.serving.inference.response": "response",
    "org.kubeflow.serving.feedback": "feedback",
}
"""``ce-type`` -> what it is."""
MAX_REQUEST_ID_BYTES: Final = 256
"""Leaves room, in the 512 bytes of a document id, for the model and the number of an instance."""
MAX_DEPTH: Final = 100
"""Levels of a payload, its outermost object being the first: what is nested deeper is quarantined on arrival."""
NO_RESPONSE: Final = "no_response"
"""``error.type`` of a request that was never answered."""


class PayloadGroup(Group):
    """One half.

    ``state`` is ``waiting`` until the worker has made predictions of it (``paired``), has told its request as
    unanswered (``expired``), or could make nothing of it (``refused``, and `reason` says why).
    """

    kind: Kind | None = None
    state: State | None = None
    reason: str | None = None
    request_id: str | None = None
    time: datetime | None = None
    """``ce-time``, where the sender gave it: the time from request to response is taken from it."""
    type: str | None = None
    source: str | None = None
    service: str | None = None
    """``ce-inferenceservicename``: the SeldonDeployment or InferenceService."""
    namespace: str | None = None
    endpoint: str | None = None
    """Predictor of a SeldonDeployment, ``default`` or ``canary`` of an InferenceService."""
    node: str | None = None
    """``ce-modelid``: node of a Seldon graph."""
    size_bytes: int | None = None
    body: dict[str, Any] | None = None
    """The payload as it came, as JSON; kept, not indexed."""


class PayloadDocument(msgspec.Struct, omit_defaults=True, kw_only=True):
    """``@timestamp`` is `PayloadGroup.time`, or the time of arrival where there is none."""

    timestamp: datetime = msgspec.field(name="@timestamp")
    event: EventGroup = msgspec.field(default_factory=EventGroup)
    model: ModelGroup
    driftlog: DriftlogGroup | None = None
    payload: PayloadGroup


class PayloadSettings(Strict, frozen=True):
    """How predictions are read from the payloads of one model.

    Attributes
    ----------
    feature_names
        Of the columns, in order, where payloads do not name them.
    leave_out
        Features that are not kept (ids, addresses).
    answer
        What a plain answer is: ``label``, ``score`` (probability of the positive class), ``probabilities`` (by class),
        ``value``. ``auto``: the value of a regression; else a list of two or more numbers is probabilities, a fraction
        is a score, and anything else a label.
    classes
        In the order of probabilities; empty: as the payload names them, else 0, 1, 2...
    output
        Which output (V2), or which key of an answer that is an object, holds the answer; empty: the first output, or
        the keys label, score, probabilities and value.
    probabilities
        Which one holds probabilities beside it; empty: ``predict_proba``, where there is one.
    pair_timeout
        A request without response after so long has failed (``no_response``); a response without request is
        quarantined (``no_request``).
    max_instances
        A payload of more instances is refused: each becomes a document, however few bytes it has in the payload.
    """

    feature_names: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    answer: Literal["auto", "label", "score", "probabilities", "value"] = "auto"
    classes: tuple[str, ...] = ()
    output: str = ""
    probabilities: str = ""
    pair_timeout: timedelta = timedelta(minutes=5)
    max_instances: int = 10_000


def half_id(model: str, request_id: str, kind: str) -> str:
    """Id of the document of one half: the same half that comes twice is the same document.

    >>> half_id("churn", "5f1c", "request")
    'churn|request|5f1c'
    """
    return f"{model}|{kind}|{request_id}"


def prediction_id(request_id: str, instance: int, instances: int) -> str:
    """``event.id`` of the prediction on one instance of a request.

    >>> prediction_id("5f1c", 0, 1), prediction_id("5f1c", 2, 3)
    ('5f1c', '5f1c-2')
    """
    return request_id if instances == 1 else f"{request_id}-{instance}"
