"""The logger of one model: what a serving app calls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from driftlog.contract.errors import ConfigError
from driftlog.contract.events import (
    DATASET_FEEDBACK,
    DATASET_PREDICTION,
    TASKS,
    DriftlogGroup,
    EventGroup,
    FeedbackEvent,
    ModelGroup,
    PredictionEvent,
    Task,
    TraceGroup,
)
from driftlog.contract.names import check_model_name
from driftlog.contract.settings import Secret
from driftlog.contract.text import named_vocabularies, with_text_numbers
from driftlog.shipping.encode import Identity, encode_robustly, new_event_id, now_utc
from driftlog.shipping.event_parts import error_of, labels_of, mask_answer, subject_of
from driftlog.shipping.masking import Masking
from driftlog.shipping.normalise import normalise_features, plain_features, to_timestamp
from driftlog.shipping.predicted import known, predicted
from driftlog.shipping.shipping import DEFAULT_URL, Shipping, TransportName
from driftlog.shipping.state_folder import find_salt, spool_root
from driftlog.shipping.tracing import current_trace
from driftlog.shipping.transport import Transport

E = TypeVar("E", PredictionEvent, FeedbackEvent)


class PredictionLogger:
    """Logs predictions, errors and ground truth of one model. Safe from any thread, task and forked process.

    After construction nothing raises and nothing waits: a call makes the event, masks it, appends it to the spool and
    returns its id. What goes wrong is counted in `stats` and logged on ``driftlog.shipping``.

    Parameters
    ----------
    model
        Name of the model: 1 to 64 characters a-z, 0-9, ``-`` and ``_``.
    version, variant
        Of the model; `variant` tells champion and challenger apart. Both can be given call by call.
    environment
        ``production``, ``staging``...: never compared with each other.
    service
        ``service.name``; by default the model's name. It also names the spool's subfolder.
    task
        ``binary``, ``multiclass`` or ``regression``; without it the type of a prediction decides (see
        `driftlog.shipping.predicted`).
    masking
        Rules for what must not leave the process, see `driftlog.shipping.masking`.
    text
        Text features, or a mapping from them to the files of their vocabularies (`driftlog vocabulary`): their length,
        words and share of unseen tokens are logged beside them, derived before masking.
    salt
        Of masking's hashes; by default ``$DRIFTLOG_MASKING_SALT``, else a random one kept with the spool.
    shipping
        A `Shipping` (or any python-logstash-async transport) to share. Without it one is made from `url`,
        `transport`, `spool`, credentials and every other parameter of `Shipping`.
    clock
        Time of events that do not bring their own.

    Raises
    ------
    ConfigError, NameRefused
        From the constructor, for settings that cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder, PredictionLogger("churn", spool=folder, resources_s=None) as log:
    ...     event_id = log.log_prediction({"age": 42.0, "plan": "gold"}, "stays", score=0.2)
    ...     log.stats()["logged"]
    1
    """

    def __init__(
        self,
        model: str,
        *,
        version: str | None = None,
        environment: str = "production",
        variant: str | None = None,
        service: str | None = None,
        task: Task | None = None,
        positive_label: str = "1",
        feature_names: Iterable[str] = (),
        text: Iterable[str] | Mapping[str, str | Path | None] = (),
        url: str | Iterable[str] = DEFAULT_URL,
        transport: TransportName = "http",
        spool: str | Path | None = None,
        api_key: Secret | str | None = None,
        username: str | None = None,
        password: Secret | str | None = None,
        ca_certs: str | None = None,
        masking: Mapping[str, str] | None = None,
        salt: Secret | str | None = None,
        shipping: Transport | None = None,
        clock: Callable[[], datetime] = now_utc,
        **more: Any,
    ) -> None:
        self.model = check_model_name(model, where="model")
        if task is not None and task not in TASKS:
            raise ConfigError("is not a task", path="task", value=task, remedy=f"use one of {', '.join(TASKS)}")
        self.service = service or model
        self.environment = environment
        self.task = task
        self.positive_label = positive_label
        self._version = version
        self._variant = variant
        self._feature_names = tuple(feature_names)
        self._text = named_vocabularies(text)
        self._clock = clock
        self._salt_given = Secret(salt) if isinstance(salt, str) else salt
        self.masking = Masking(masking or {}, self._salt, self.failed)
        if shipping is None:
            shipping = Shipping(
                service=self.service,
                version=version,
                environment=environment,
                url=url,
                transport=transport,
                spool=spool,
                api_key=api_key,
                username=username,
                password=password,
                ca_certs=ca_certs,
                **more,
            )
        elif more:
            raise ConfigError(f"goes to Shipping, which is given: {', '.join(more)}", path="shipping")
        self.shipping = shipping
        self._send = shipping.send
        self.observe: Callable[[PredictionEvent | FeedbackEvent], None] | None = None
        """Called with every event that was handed on, see `driftlog.shipping.metrics`."""
        self._model_group = ModelGroup(name=model, version=version, variant=variant)
        self._identify()

    def _identify(self) -> None:
        self._pid = os.getpid()
        self._identity = Identity.of_process(self.service, self._version, self.environment)

    def _salt(self) -> Secret:
        root = self.shipping.root if isinstance(self.shipping, Shipping) else spool_root(os.environ)
        return self._salt_given or find_salt(os.environ, root)

    # -- logging ---------------------------------------------------------------------------------------------------

    def log_prediction(
        self,
        features: object,
        prediction: Any = None,
        *,
        label: Any = None,
        score: float | None = None,
        value: float | None = None,
        probabilities: Any = None,
        attributions: Mapping[str, Any] | None = None,
        duration_ns: int | None = None,
        trace_id: str | None = None,
        subject: object = None,
        labels: Mapping[str, Any] | None = None,
        message: str | None = None,
        timestamp: object = None,
        event_id: str | None = None,
        version: str | None = None,
        variant: str | None = None,
    ) -> str:
        """Log one prediction; returns its event id, to be given with the truth later.

        Parameters
        ----------
        features
            A mapping (nested ones become dotted names) or a row: pandas Series, one-row DataFrame, dataclass, array.
        prediction, label, value, score, probabilities
            What the model answered, see `driftlog.shipping.predicted.predicted`.
        attributions
            Feature -> contribution to this prediction (SHAP and the like).
        duration_ns
            Time the model took.
        subject
            Whom the prediction is about; hashed unless masking says otherwise.
        labels
            Own dimensions, as strings.
        timestamp
            Time of the prediction (datetime, ISO 8601 or seconds since 1970; naive is UTC); by default now.
        event_id
            An id of your own: the same id sent twice is stored once.
        """
        identifier = event_id or ""
        try:
            identifier = str(event_id) if event_id is not None else new_event_id()
            nonfinite: list[str] = []
            answer = predicted(
                nonfinite,
                task=self.task,
                positive_label=self.positive_label,
                prediction=prediction,
                label=label,
                value=value,
                score=score,
                probabilities=probabilities,
                attributions=attributions,
            )
            event = self._event(
                identifier,
                features,
                nonfinite,
                duration_ns,
                trace_id,
                subject,
                labels,
                message,
                timestamp,
                version,
                variant,
            )
            event.event.outcome = "success"
            event.prediction = mask_answer(answer, self.masking) if self.masking.active["prediction"] else answer
            self._ship(event)
        except Exception as error:  # noqa: BLE001  the caller's request must go on
            self.failed("log_prediction", error)
        return identifier

    def log_predictions(self, rows: Any, predictions: Iterable[Any], **common: Any) -> list[str]:
        """Log one event a row (DataFrame, array or a sequence of rows); `common` goes to every `log_prediction`.

        ``scores=`` and ``probabilities=`` are sequences of the same length.
        """
        try:
            records = rows.to_dict("records") if hasattr(rows, "to_dict") and hasattr(rows, "columns") else list(rows)
            columns = {"score": common.pop("scores", None), "probabilities": common.pop("probabilities", None)}
            given = {name: list(values) for name, values in columns.items() if values is not None}
            return [
                self.log_prediction(row, answer, **{name: values[i] for name, values in given.items()}, **common)
                for i, (row, answer) in enumerate(zip(records, predictions, strict=True))
            ]
        except Exception as error:  # noqa: BLE001
            self.failed("log_predictions", error)
            return []

    def log_error(
        self,
        features: object,
        error: BaseException | str,
        *,
        duration_ns: int | None = None,
        trace_id: str | None = None,
        subject: object = None,
        labels: Mapping[str, Any] | None = None,
        message: str | None = None,
        timestamp: object = None,
        event_id: str | None = None,
        version: str | None = None,
        variant: str | None = None,
    ) -> str:
        """Log a prediction that failed; returns its event id. `features` may be None when they are not known."""
        identifier = event_id or ""
        try:
            identifier = str(event_id) if event_id is not None else new_event_id()
            event = self._event(
                identifier, features, [], duration_ns, trace_id, subject, labels, message, timestamp, version, variant
            )
            event.event.outcome = "failure"
            event.error = error_of(error, self.masking)
            self._ship(event)
        except Exception as problem:  # noqa: BLE001
            self.failed("log_error", problem)
        return identifier

    def log_feedback(
        self,
        prediction_id: str,
        actual: Any = None,
        *,
        rating: float | None = None,
        comment: str | None = None,
        source: str | None = None,
        subject: object = None,
        labels: Mapping[str, Any] | None = None,
        timestamp: object = None,
        event_id: str | None = None,
    ) -> str:
        """Log what became known about a prediction: its truth, a rating or a comment; returns the feedback's id.

        Parameters
        ----------
        prediction_id
            The event id that `log_prediction` returned.
        actual
            The true label or value. Labels are written as in predictions: ``true``, ``1``, ``late``.
        timestamp
            When it became known; by default now. The newest truth of a prediction wins.
        """
        identifier = event_id or ""
        try:
            identifier = str(event_id) if event_id is not None else new_event_id()
            nonfinite: list[str] = []
            feedback = known(nonfinite, task=self.task, actual=actual, rating=rating)
            feedback.prediction_id = str(prediction_id)
            feedback.comment = self.masking.text("feedback.comment", comment)
            feedback.source = source
            event = FeedbackEvent(
                timestamp=self._clock() if timestamp is None else to_timestamp(timestamp),
                event=EventGroup(id=identifier, dataset=DATASET_FEEDBACK),
                model=self._model_group,
                labels=labels_of(labels, self.masking),
                subject=subject_of(subject, self.masking),
                feedback=feedback,
            )
            self._ship(self._identified(event, nonfinite))
        except Exception as error:  # noqa: BLE001
            self.failed("log_feedback", error)
        return identifier

    # -- parts -----------------------------------------------------------------------------------------------------

    def _event(
        self,
        identifier: str,
        features: object,
        nonfinite: list[str],
        duration_ns: int | None,
        trace_id: str | None,
        subject: object,
        labels: Mapping[str, Any] | None,
        message: str | None,
        timestamp: object,
        version: str | None,
        variant: str | None,
    ) -> PredictionEvent:
        trace = trace_id if trace_id is not None else current_trace.get()
        model = self._model_group
        if version is not None or variant is not None:
            model = ModelGroup(name=self.model, version=version or self._version, variant=variant or self._variant)
        event = PredictionEvent(
            timestamp=self._clock() if timestamp is None else to_timestamp(timestamp),
            event=EventGroup(
                id=identifier, dataset=DATASET_PREDICTION, duration=None if duration_ns is None else int(duration_ns)
            ),
            trace=None if trace is None else TraceGroup(id=str(trace)),
            model=model,
            features=self._features(features, nonfinite),
            labels=labels_of(labels, self.masking),
            subject=subject_of(subject, self.masking),
            message=None if message is None else self.masking.text("message", message),
        )
        self._identified(event, nonfinite)
        return event

    def _identified(self, event: E, nonfinite: list[str]) -> E:
        if os.getpid() != self._pid:
            self._identify()
        event.service, event.host, event.process, event.driftlog = self._identity
        if nonfinite:
            event.driftlog = DriftlogGroup(nonfinite=nonfinite, shipper=self._identity.driftlog.shipper)
        return event

    def _features(self, features: object, nonfinite: list[str]) -> dict[str, Any] | None:
        if features is None:
            return None
        if type(features) is dict and plain_features(features):
            flat = features
        else:
            flat = normalise_features(features, nonfinite, self._feature_names)
        if self._text:
            flat = with_text_numbers(flat, self._text)
        return self.masking.apply_all("features", flat) if self.masking.active["features"] else flat

    def _ship(self, event: PredictionEvent | FeedbackEvent) -> None:
        self._send((encode_robustly(event),))
        if type(self.shipping) is Shipping:
            self.shipping.counters.add("logged")
        if self.observe is not None:
            self.observe(event)

    def failed(self, where: str, error: BaseException) -> None:
        """Count an error that the caller must not see."""
        if isinstance(self.shipping, Shipping):
            self.shipping.failed(where, error)

    # -- delivery --------------------------------------------------------------------------------------------------

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until everything logged is delivered; False when the time was too short."""
        return self.shipping.flush(timeout_s) if isinstance(self.shipping, Shipping) else True

    def close(self, timeout_s: float = 2.0) -> None:
        """Deliver what can be delivered in this time; the rest stays in the spool for the next process."""
        if isinstance(self.shipping, Shipping):
            self.shipping.close(timeout_s)

    def stats(self) -> dict[str, float | int | None]:
        """Counts since the process started, see `Shipping.stats`; empty for a foreign transport."""
        return self.shipping.stats() if isinstance(self.shipping, Shipping) else {}

    def __enter__(self) -> PredictionLogger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
