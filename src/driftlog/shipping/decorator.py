"""A decorator that logs each call of a predict function: features, answer, time, errors."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar, cast

from driftlog.shipping.logger import PredictionLogger

F = TypeVar("F", bound=Callable[..., Any])
ANSWER_KEYS: Final = frozenset({"label", "score", "value", "probabilities", "attributions"})
FEATURE_ARGUMENTS: Final = ("features", "X", "x", "row", "data")


def monitor(
    logger: PredictionLogger,
    *,
    features: str | Callable[..., Any] | None = None,
    answer: Callable[[Any], Mapping[str, Any]] | None = None,
    labels: Mapping[str, Any] | None = None,
) -> Callable[[F], F]:
    """Log every call of the decorated function, plain or ``async``; its result and its errors pass unchanged.

    Parameters
    ----------
    features
        Name of the argument that holds the features, or a function of all arguments that returns them. By default the
        argument called ``features``, ``X``, ``x``, ``row`` or ``data``, else the first that is not ``self``.
    answer
        From the result to arguments of `PredictionLogger.log_prediction`. By default a mapping with any of ``label``,
        ``score``, ``value``, ``probabilities`` and ``attributions`` is that already, and anything else the prediction.
    labels
        Added to every event.

    Examples
    --------
    >>> class Printer:
    ...     def send(self, events, use_logging=False):
    ...         print(b'"label":"late","score":0.9' in events[0])
    >>> @monitor(PredictionLogger("flights", shipping=Printer()))
    ... def predict(features):
    ...     return {"label": "late", "score": 0.9}
    >>> predict({"distance": 733.0})
    True
    {'label': 'late', 'score': 0.9}
    """

    def decorate(function: F) -> F:
        find = _feature_finder(function, features)
        call = _Call(logger, find, answer or _answer, labels)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                started = time.perf_counter_ns()
                try:
                    result = await function(*args, **kwargs)
                except Exception as error:
                    call.failed(args, kwargs, error, time.perf_counter_ns() - started)
                    raise
                call.answered(args, kwargs, result, time.perf_counter_ns() - started)
                return result

            return cast(F, awaited)

        @functools.wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            started = time.perf_counter_ns()
            try:
                result = function(*args, **kwargs)
            except Exception as error:
                call.failed(args, kwargs, error, time.perf_counter_ns() - started)
                raise
            call.answered(args, kwargs, result, time.perf_counter_ns() - started)
            return result

        return cast(F, called)

    return decorate


class _Call:
    """Logs calls of one function; never raises."""

    def __init__(
        self,
        logger: PredictionLogger,
        find: Callable[..., Any],
        answer: Callable[[Any], Mapping[str, Any]],
        labels: Mapping[str, Any] | None,
    ) -> None:
        self._logger = logger
        self._find = find
        self._answer = answer
        self._labels = labels

    def answered(self, args: Any, kwargs: Any, result: Any, duration_ns: int) -> None:
        try:
            features, answer = self._find(*args, **kwargs), dict(self._answer(result))
            self._logger.log_prediction(features, **answer, duration_ns=duration_ns, labels=self._labels)
        except Exception as error:  # noqa: BLE001
            self._logger.failed("monitor", error)

    def failed(self, args: Any, kwargs: Any, error: Exception, duration_ns: int) -> None:
        try:
            features = self._find(*args, **kwargs)
        except Exception:  # noqa: BLE001  the call itself may have been wrong
            features = None
        self._logger.log_error(features, error, duration_ns=duration_ns, labels=self._labels)


def _answer(result: Any) -> Mapping[str, Any]:
    if isinstance(result, Mapping) and ANSWER_KEYS & result.keys():
        return {key: result[key] for key in ANSWER_KEYS & result.keys()}
    return {"prediction": result}


def _feature_finder(function: Callable[..., Any], features: str | Callable[..., Any] | None) -> Callable[..., Any]:
    if callable(features):
        return features
    signature = inspect.signature(function)
    names = [name for name in signature.parameters if name not in ("self", "cls")]
    wanted = features or next((name for name in FEATURE_ARGUMENTS if name in names), names[0] if names else "")
    if wanted not in names:
        raise TypeError(f"monitor: {getattr(function, '__name__', function)} has no argument {wanted!r}")

    def find(*args: Any, **kwargs: Any) -> Any:
        return signature.bind(*args, **kwargs).arguments.get(wanted)

    return find
