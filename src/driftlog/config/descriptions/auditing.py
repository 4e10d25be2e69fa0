"""Audit trail, retention and reviews."""

from __future__ import annotations

from typing import Final

AUDITING: Final[dict[str, str]] = {
    "audit.signing_key": "File with the private key that signs heads of the chain; `driftlog audit key` makes one.",
    "audit.signing_password": "Password of that file; write ${VARIABLE}, not the password.",
    "audit.public_key": "File with the public keys (PEM) whose signatures count.",
    "audit.seal": "Seal closed buckets of predictions, so that a changed or removed one is found.",
    "audit.seal_after": "A bucket is sealed this long after its end; what comes later gets a further seal.",
    "audit.anchor_to": "Channels of notifications that get the signed head.",
    "audit.anchor_every": "How often the head is signed, logged and sent.",
    "audit.reads": "When access to raw predictions cannot be recorded: required shows none, best_effort warns; or off.",
    "retention.predictions": "Prediction events, dropped a period at a time; none: kept for ever.",
    "retention.feedback": "Truth, ratings and comments.",
    "retention.resources": "CPU, memory and storage samples.",
    "retention.quarantine": "Refused events with their raw text.",
    "retention.payloads": "Requests and responses that a serving platform logged; predictions are made of them.",
    "retention.outcomes": "Predictions joined with their truth.",
    "retention.opinions": "Ratings and answers, joined with their prediction.",
    "retention.profiles": "Counts by bucket; what remains of predictions that were dropped.",
    "retention.results": "Measurements and verdicts.",
    "retention.runs": "What each cycle of a worker did.",
    "retention.decisions": "Decisions, training runs and trials of the maintenance loop.",
    "retention.seals": "Leaves of the seals; not before the predictions they seal.",
    "retention.audit": "Audit records; older ones give way to a signed checkpoint.",
    "retention.models": "Single models, before predictions; each with name and predictions.",
    "retention.models[].name": "The model.",
    "retention.models[].predictions": "How long its predictions are kept.",
    "janitor.api_key": "Encoded API key of an account that may delete; write ${VARIABLE}, not the key.",
    "janitor.username": "User name, where no API key is used.",
    "janitor.password": "Its password; write ${VARIABLE}, not the password.",
    "janitor.share_credentials": "Use those of elasticsearch; then the worker's account can delete predictions, too.",
    "janitor.every": "How often `driftlog janitor loop` looks.",
    "models.<name>.review.every": "Write a review each week or month: never, week or month.",
    "models.<name>.review.channels": "Channels of notifications that get it.",
    "models.<name>.review.folder": "Folder its HTML file is written to; empty: none.",
}
