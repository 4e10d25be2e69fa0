"""Settings of the audit trail, of retention and of reviews."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from driftlog.contract.strict import Secret, Strict


class AuditSettings(Strict, frozen=True):
    """The audit chain.

    Attributes
    ----------
    signing_key
        File with the private key (Ed25519, PEM) that signs heads; empty: heads are not signed.
    public_key
        File with its public key, for verification.
    seal
        Seal closed buckets of predictions.
    seal_after
        A bucket is closed this long after its end.
    anchor_to
        Channels that get the signed head, each `anchor_every`.
    reads
        What happens when access to raw predictions cannot be recorded: ``required`` shows nothing, ``best_effort``
        warns; ``off`` records none.
    """

    signing_key: str = ""
    signing_password: Secret | None = None
    public_key: str = ""
    seal: bool = True
    seal_after: timedelta = timedelta(hours=1)
    anchor_to: tuple[str, ...] = ()
    anchor_every: timedelta = timedelta(days=1)
    reads: Literal["required", "best_effort", "off"] = "required"


class ModelRetentionSettings(Strict, frozen=True):
    """How long the predictions of one model are kept."""

    name: str
    predictions: timedelta


class RetentionSettings(Strict, frozen=True):
    """How long whole periods of each kind are kept; None: for ever."""

    predictions: timedelta | None = None
    feedback: timedelta | None = None
    resources: timedelta | None = None
    quarantine: timedelta | None = None
    payloads: timedelta | None = None
    outcomes: timedelta | None = None
    opinions: timedelta | None = None
    profiles: timedelta | None = None
    results: timedelta | None = None
    runs: timedelta | None = None
    decisions: timedelta | None = None
    seals: timedelta | None = None
    audit: timedelta | None = None
    """Older records are replaced by a signed checkpoint."""
    models: tuple[ModelRetentionSettings, ...] = ()
    """Predictions of single models, before `predictions`."""


class JanitorSettings(Strict, frozen=True):
    """Who drops and erases: the only account that may delete predictions.

    Attributes
    ----------
    api_key, username, password
        Credentials of its own. Where `elasticsearch` needs none, none are needed here.
    share_credentials
        Use those of `elasticsearch`: then the worker's account can delete predictions, too.
    every
        How often `driftlog janitor loop` drops what has expired and looks for erased subjects that came back.
    """

    api_key: Secret | None = None
    username: str | None = None
    password: Secret | None = None
    share_credentials: bool = False
    every: timedelta = timedelta(hours=1)


class ReviewSettings(Strict, frozen=True):
    """Scheduled reviews of one model."""

    every: Literal["never", "week", "month"] = "never"
    channels: tuple[str, ...] = ()
    folder: str = ""
