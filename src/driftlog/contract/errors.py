"""Every error driftlog raises, in one tree.

DriftlogError
├── ConfigError                 settings that cannot be used: path, value, remedy
├── UsageError                  a command or call that cannot be carried out as asked
├── NameRefused                 a model, feature, segment or index name that is not allowed
├── EventRefused                an event that goes to quarantine: reason and field
├── StoreError                  anything Elasticsearch answered or did not answer
│   ├── StoreUnavailable        connection, 429, 5xx: keep the data, back off, try again
│   ├── StoreAccessDenied       401, 403: keep the data, raise an alarm
│   ├── StoreRejected           400: the request itself is wrong
│   ├── StoreConflict           409: somebody else wrote first
│   ├── StoreNotFound           404: no such document or index
│   ├── PartialResult           a search that timed out or lost a shard
│   └── TemplatesMissing        index templates are absent or older than this driftlog
├── LocalServerError            the local Elasticsearch cannot be fetched, started or stopped
│   ├── JavaNotFound            no Java 21 or newer, and none could be fetched
│   └── PortBusy                the wanted port belongs to another program
├── LeaseLost                   another worker took the model over
├── ReferenceUnusable           a reference cannot be built, or does not exist
├── SpoolError                  the durable queue of a serving app
│   └── SpoolFull               its size limit is reached
├── ActionFailed                what trains, keeps versions or deploys refused, failed or is set up wrongly
│   └── ActionUnavailable       it did not answer, or is overloaded: try again later
├── VersionUnusable             a version's record or files are missing or damaged
├── KibanaError                 Kibana refused, or answered what it should not
│   ├── KibanaUnavailable       no connection, 429 or 5xx, at the last attempt too
│   └── KibanaAccessDenied      401, 403: the credentials, or what they may do
└── DeliveryError               a wire transport could not deliver a batch
    └── DeliveryRefused         the receiver will never accept it (4xx that is not 408/429)

Each message says what was wrong, where, and what to do next. Foreign errors are translated once,
at the seam where they appear, with ``raise ... from error``.
"""

from __future__ import annotations


class DriftlogError(Exception):
    """Base of all errors raised by driftlog.

    Parameters
    ----------
    message
        What was wrong and where.
    remedy
        What the reader can do about it; printed on a line of its own by the command line.
    """

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message}\n  -> {self.remedy}" if self.remedy else self.message


class ConfigError(DriftlogError):
    """Settings that cannot be used.

    >>> print(ConfigError("must be a duration", path="models.churn.bucket", value="1x", remedy="write 1h, 30m or 1d"))
    models.churn.bucket: must be a duration (got '1x')
      -> write 1h, 30m or 1d
    """

    def __init__(self, message: str, *, path: str = "", value: object = None, remedy: str = "") -> None:
        got = f" (got {value!r})" if value is not None else ""
        super().__init__(f"{path}: {message}{got}" if path else f"{message}{got}", remedy=remedy)
        self.path = path
        self.value = value


class UsageError(DriftlogError):
    """A command or call that cannot be carried out as asked."""


class NameRefused(DriftlogError):
    """A name that must not reach a URL, a field or an index name."""


class EventRefused(DriftlogError):
    """An event that cannot be stored as what it claims to be; it goes to quarantine.

    Parameters
    ----------
    reason
        One of `driftlog.contract.events.QUARANTINE_REASONS`.
    field
        The field at fault, dotted, or empty.
    """

    def __init__(self, reason: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.field = field


class StoreError(DriftlogError):
    """Anything Elasticsearch answered, or did not answer, that is not success."""

    def __init__(self, message: str, *, remedy: str = "", status: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class StoreUnavailable(StoreError):
    """No connection, 429 or 5xx: keep the data, back off, try again."""


class StoreAccessDenied(StoreError):
    """401 or 403: keep the data and raise an alarm."""


class StoreRejected(StoreError):
    """400: the request itself is wrong."""


class StoreConflict(StoreError):
    """409: somebody else wrote first."""


class StoreNotFound(StoreError):
    """404: no such document or index."""


class PartialResult(StoreError):
    """A search timed out or lost a shard; its counts must not be used."""


class TemplatesMissing(StoreError):
    """Index templates are absent or older than this driftlog."""


class LocalServerError(DriftlogError):
    """The local Elasticsearch cannot be fetched, started or stopped."""


class JavaNotFound(LocalServerError):
    """No Java 21 or newer was found, and none could be fetched."""


class PortBusy(LocalServerError):
    """The wanted port belongs to another program."""


class LeaseLost(DriftlogError):
    """Another worker took the model over; what this one has in hand must not be written."""


class ReferenceUnusable(DriftlogError):
    """A reference cannot be built from what was given, or does not exist."""


class SpoolError(DriftlogError):
    """The durable queue of a serving app cannot be used."""


class SpoolFull(SpoolError):
    """The spool has reached its size limit."""


class ActionFailed(DriftlogError):
    """What trains, keeps versions or deploys refused, failed, or is set up wrongly."""


class ActionUnavailable(ActionFailed):
    """It did not answer, or is overloaded: the same call may succeed later."""


class VersionUnusable(DriftlogError):
    """A version's record or files are missing, damaged, or not what their digest says."""


class KibanaError(DriftlogError):
    """Kibana refused a request, or answered what it should not."""

    def __init__(self, message: str, *, remedy: str = "", status: int | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status


class KibanaUnavailable(KibanaError):
    """No connection, 429 or 5xx, at the last attempt too: the same call may succeed later."""


class KibanaAccessDenied(KibanaError):
    """401 or 403: the credentials are wrong, or may not do this."""


class DeliveryError(DriftlogError):
    """A wire transport could not deliver a batch now; try again later."""

    def __init__(self, message: str, *, remedy: str = "", retry_after_s: float | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.retry_after_s = retry_after_s


class DeliveryRefused(DeliveryError):
    """The receiver will never accept this batch as it is."""
