"""A scikit-learn estimator whose predictions are logged; needs scikit-learn, which the bare install does not bring.

from driftlog.shipping.sklearn import MonitoredEstimator
model = MonitoredEstimator(fitted_pipeline, model="churn", version="7", options={"url": "http://intake:9280"})
model.predict_proba(X)
model.last_prediction_ids_        # to be given with the truth later
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from driftlog.contract.events import Task
from driftlog.shipping.logger import PredictionLogger

log = logging.getLogger("driftlog.shipping")

_LOCK: Final = threading.Lock()
_LOGGERS: Final[dict[str, PredictionLogger]] = {}
"""One logger for all estimators of a process that log the same way."""


class _Runtime:
    """What an estimator has in this process only: its logger, and the ids of each thread's last call."""

    def __init__(self) -> None:
        self.logger: PredictionLogger | None = None
        self.last = threading.local()


_RUNTIMES: Final[WeakKeyDictionary[Any, _Runtime]] = WeakKeyDictionary()
"""Kept apart, so that a prediction leaves the estimator as it was."""


def _has(method: str) -> Callable[[Any], bool]:
    return lambda self: hasattr(self._inner(), method)


class MonitoredEstimator(MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Any estimator or pipeline; what it predicts is logged, one event a row, and passes unchanged.

    A fitted estimator can be wrapped and serves at once; one that is not is fitted by `fit`, as a clone
    (``estimator_``), and serves from then on. Clones are paused: what cross-validation and searches predict is not
    traffic. `resume` starts one. Logging never makes a prediction fail, and what the estimator raises is logged as
    failed predictions and raised.

    Parameters
    ----------
    estimator
        With ``predict``, ``predict_proba`` or ``decision_function``.
    model, version, environment, variant
        As in `PredictionLogger`.
    positive_label
        Binary: the class whose probability is the score; by default the second of ``classes_``.
    log_methods
        Which methods are logged. An app that calls two of them for the same rows names one.
    options
        More arguments of `PredictionLogger`: ``url``, ``spool``, ``masking``, ...

    Notes
    -----
    Features are named by the columns of a frame, else by ``feature_names_in_``, else ``x0``, ``x1``, ... A row's
    ``event.duration`` is the call's divided by its rows. Pickles and joblib files hold no logger and no connection: it
    is opened again by the first prediction.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> class Printer:
    ...     def send(self, events, use_logging=False):
    ...         print(b'"features":{"x0":1.0}' in events[0])
    >>> model = MonitoredEstimator(LogisticRegression(), model="churn", options={"shipping": Printer()})
    >>> _ = model.fit([[0.0], [1.0]], [0, 1])
    >>> model.predict([[1.0]])
    True
    array([1])
    >>> len(model.last_prediction_ids_)
    1
    """

    def __init__(
        self,
        estimator: Any,
        *,
        model: str = "model",
        version: str | None = None,
        environment: str = "production",
        variant: str | None = None,
        positive_label: str | None = None,
        log_methods: Sequence[str] = ("predict", "predict_proba", "decision_function"),
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.estimator = estimator
        self.model = model
        self.version = version
        self.environment = environment
        self.variant = variant
        self.positive_label = positive_label
        self.log_methods = log_methods
        self.options = options

    # What scikit-learn asks for

    def fit(self, X: Any, y: Any = None, **parameters: Any) -> MonitoredEstimator:  # noqa: N803
        """Fit a clone of the estimator; nothing is logged."""
        self.estimator_ = clone(self.estimator).fit(X, y, **parameters)
        return self

    def _inner(self) -> Any:
        return self.__dict__.get("estimator_", self.estimator)

    def __sklearn_is_fitted__(self) -> bool:
        try:
            check_is_fitted(self._inner())
        except NotFittedError:
            return False
        return True

    def __sklearn_clone__(self) -> MonitoredEstimator:
        """Same parameters, the estimator cloned, paused."""
        parameters = self.get_params(deep=False)
        copied = type(self)(clone(parameters.pop("estimator")), **parameters)
        copied._paused = True
        return copied

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import get_tags

        tags, inner = super().__sklearn_tags__(), get_tags(self.estimator)
        for name in ("estimator_type", "classifier_tags", "regressor_tags", "input_tags", "target_tags"):
            setattr(tags, name, getattr(inner, name))
        return tags

    def __getstate__(self) -> dict[str, Any]:
        kept: dict[str, Any] = dict(super().__getstate__())
        options = kept.get("options")
        if options:  # a transport is of this process
            kept["options"] = {name: value for name, value in options.items() if name not in ("shipping", "clock")}
        return kept

    @property
    def classes_(self) -> Any:
        return self._inner().classes_

    @property
    def feature_names_in_(self) -> Any:
        return self._inner().feature_names_in_

    @property
    def n_features_in_(self) -> int:
        return int(self._inner().n_features_in_)

    def score(self, X: Any, y: Any = None, **parameters: Any) -> Any:  # noqa: N803
        """As the estimator's; not logged."""
        return self._inner().score(X, y, **parameters)

    # Predictions

    @available_if(_has("predict"))  # type: ignore[untyped-decorator]
    def predict(self, X: Any, **parameters: Any) -> Any:  # noqa: N803
        """As the estimator's, and logged."""
        return self._call("predict", X, parameters)

    @available_if(_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any, **parameters: Any) -> Any:  # noqa: N803
        """As the estimator's, and logged: probabilities, the positive class's as score, the likeliest as label."""
        return self._call("predict_proba", X, parameters)

    @available_if(_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any, **parameters: Any) -> Any:  # noqa: N803
        """As the estimator's, and logged: the label that it decides for; of two classes its value as score."""
        return self._call("decision_function", X, parameters)

    def _call(self, method: str, rows: Any, parameters: dict[str, Any]) -> Any:
        check_is_fitted(self)
        started = time.perf_counter_ns()
        try:
            answers = getattr(self._inner(), method)(rows, **parameters)
        except Exception as error:
            self._log(method, rows, None, time.perf_counter_ns() - started, error)
            raise
        self._log(method, rows, answers, time.perf_counter_ns() - started)
        return answers

    # Logging

    @property
    def last_prediction_ids_(self) -> list[str]:
        """Event ids of this thread's last call, one a row; empty when it was not logged."""
        return list(getattr(self._runtime().last, "ids", ()))

    def _runtime(self) -> _Runtime:
        with _LOCK:
            return _RUNTIMES.setdefault(self, _Runtime())

    @property
    def logger(self) -> PredictionLogger:
        """The logger; opened when first asked for, and shared by estimators with the same settings."""
        runtime = self._runtime()
        if runtime.logger is None:
            runtime.logger = self._open()
        return runtime.logger

    def use(self, logger: PredictionLogger) -> MonitoredEstimator:
        """Log through a logger of your own."""
        self._runtime().logger = logger
        return self

    def pause(self) -> MonitoredEstimator:
        """Stop logging."""
        self._paused = True
        return self

    def resume(self) -> MonitoredEstimator:
        """Go on logging; a clone begins."""
        self._paused = False
        return self

    def _open(self) -> PredictionLogger:
        options = dict(self.options or {})
        settings = {
            "version": self.version,
            "environment": self.environment,
            "variant": self.variant,
            "task": self._task(),
            "positive_label": self._positive(),
        }
        key = repr((self.model, sorted(settings.items(), key=str), sorted(options.items(), key=str)))
        with _LOCK:
            if key not in _LOGGERS:
                _LOGGERS[key] = PredictionLogger(self.model, **settings, **options)  # type: ignore[arg-type]
            return _LOGGERS[key]

    def _task(self) -> Task:
        classes = getattr(self._inner(), "classes_", None)
        if classes is None:
            return "regression"
        return "binary" if len(classes) == 2 else "multiclass"

    def _positive(self) -> str:
        if self.positive_label is not None:
            return self.positive_label
        classes = getattr(self._inner(), "classes_", None)
        return _label(classes[1]) if classes is not None and len(classes) == 2 else "1"

    def _log(self, method: str, rows: Any, answers: Any, duration_ns: int, error: BaseException | None = None) -> None:
        held = self._runtime().last
        held.ids = ()
        if self.__dict__.get("_paused") or method not in self.log_methods:
            return
        try:
            records = list(self._records(rows))
            if not records:
                return
            logger, share = self.logger, duration_ns // len(records)
            if error is not None:
                held.ids = [logger.log_error(record, error, duration_ns=share) for record in records]
                return
            told = self._answers(method, answers)
            held.ids = [
                logger.log_prediction(record, duration_ns=share, **answer)
                for record, answer in zip(records, told, strict=True)
            ]
        except Exception as problem:  # noqa: BLE001  the caller's prediction must go on
            self._failed(problem)

    def _failed(self, problem: BaseException) -> None:
        try:
            self.logger.failed("MonitoredEstimator", problem)
        except Exception:  # noqa: BLE001  there is no logger: its settings cannot be used
            log.warning("predictions of %s are not logged: %s", self.model, problem)

    def _records(self, rows: Any) -> Iterator[dict[str, Any]]:
        """Rows as mappings from feature to value."""
        if hasattr(rows, "columns") and hasattr(rows, "to_dict"):
            yield from (_named(record) for record in rows.to_dict("records"))
            return
        values = rows.toarray() if hasattr(rows, "toarray") else np.asarray(rows)
        if values.ndim == 1:
            values = values.reshape(-1, 1)
        names = getattr(self._inner(), "feature_names_in_", None)
        named = [str(name) for name in names] if names is not None else [f"x{i}" for i in range(values.shape[1])]
        yield from (dict(zip(named, row, strict=True)) for row in values.tolist())

    def _answers(self, method: str, answers: Any) -> Iterator[dict[str, Any]]:
        """Arguments of `PredictionLogger.log_prediction`, a row each."""
        classes = getattr(self._inner(), "classes_", None)
        names = None if classes is None else [_label(each) for each in classes]
        values = np.asarray(answers)
        if method == "predict_proba" and names is not None:
            best = values.argmax(axis=1).tolist()
            for row, place in zip(values.tolist(), best, strict=True):
                yield {"probabilities": dict(zip(names, row, strict=True)), "label": names[place]}
        elif method == "decision_function" and names is not None:
            if values.ndim == 1:
                for value in values.tolist():
                    yield {"label": names[1 if value > 0 else 0], "score": value}
            else:
                yield from ({"label": names[place]} for place in values.argmax(axis=1).tolist())
        elif names is not None:
            yield from ({"label": _label(value)} for value in values.tolist())
        else:
            yield from ({"value": value} for value in values.reshape(len(values), -1)[:, 0].tolist())


def _label(value: Any) -> str:
    """A class as text: whole numbers without a decimal point, ``true`` for booleans."""
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, bool):
        return "true" if plain else "false"
    if isinstance(plain, float) and plain.is_integer():
        return str(int(plain))
    return str(plain)


def _named(record: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in record.items()}
