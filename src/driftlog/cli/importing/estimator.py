"""A fitted scikit-learn estimator and its training data as the rows of a reference."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from driftlog.contract.errors import UsageError
from driftlog.contract.events import Task
from driftlog.contract.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd

PICKLES: Final = (".joblib", ".pkl", ".pickle")
_INSTALL: Final = 'pip install "driftlog[worker]"'


def load_estimator(name: str, trusted: Sequence[str] = ()) -> Any:
    """The estimator that `name` is: a skops file, a joblib or pickle file, or ``module:attribute``.

    A skops file runs no code: types that skops does not know have to be among `trusted`. A joblib or pickle file does
    run the code in it, and a module its own: both are for what the user has made.

    Raises
    ------
    UsageError
        It is not there, cannot be loaded, or predicts nothing.
    """
    path = Path(name)
    if path.suffix == ".skops":
        found = _load_skops(path, trusted)
    elif path.suffix in PICKLES:
        found = _load_pickle(path)
    else:
        found = _import(name)
    if not hasattr(found, "predict"):
        raise UsageError(
            f"{name} is a {type(found).__name__}, which predicts nothing", remedy="name a fitted estimator or pipeline"
        )
    return found


def _load_skops(path: Path, trusted: Sequence[str]) -> Any:
    try:
        from skops import io
    except ImportError as error:
        raise UsageError(f"{path}: skops is not installed here", remedy="pip install skops") from error
    _required(path)
    unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted))
    if unknown:
        again = " ".join(f"--trust {each}" for each in unknown)
        raise UsageError(f"{path} holds types that skops does not know: {', '.join(unknown)}", remedy=f"add {again}")
    return io.load(path, trusted=list(trusted))


def _load_pickle(path: Path) -> Any:
    _required(path)
    try:
        import joblib
    except ImportError as error:
        raise UsageError(f"{path}: joblib is not installed here", remedy=_INSTALL) from error
    try:
        return joblib.load(path)
    except Exception as error:
        raise UsageError(
            f"{path} cannot be loaded: {type(error).__name__}: {error}",
            remedy="load it with the Python and scikit-learn that wrote it, in the folder of the modules it needs",
        ) from error


def _required(path: Path) -> None:
    if not path.is_file():
        raise UsageError(f"{path}: there is no such file", remedy="name a local file")


def _import(name: str) -> Any:
    module, sign, attribute = name.partition(":")
    if not sign or not module or not attribute.isidentifier():
        raise UsageError(
            f"{name!r} is no estimator",
            remedy="write model.skops, model.joblib, or module:attribute, as train:pipeline",
        )
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise UsageError(
            f"{name} cannot be imported: {type(error).__name__}: {error}", remedy=f"modules are looked for in {here}"
        ) from error
    finally:
        sys.path.remove(here)
    return found if hasattr(found, "predict") or not callable(found) else found()


def estimator_columns(
    estimator: Any, frame: pd.DataFrame, settings: ModelSettings, *, timestamp: str, truth: str | None
) -> pd.DataFrame:
    """The rows of a table with what the estimator predicts of them, in the fields of a reference.

    Features are those of ``feature_names_in_``, in its order, or every other column where it was fitted without names.

    Raises
    ------
    UsageError
        A column is not there, the estimator is of another task than the settings say, or it raises.
    """
    inner = getattr(estimator, "_inner", lambda: estimator)()  # of a MonitoredEstimator: what it wraps
    check_task(inner, settings)
    given = getattr(inner, "feature_names_in_", None)
    apart = {timestamp, truth}
    names = [str(name) for name in given] if given is not None else [n for n in frame.columns if n not in apart]
    absent = [name for name in (*names, *([truth] if truth else [])) if name not in frame.columns]
    if absent:
        raise UsageError(
            f"the file has no column {', '.join(absent[:5])}",
            remedy="give the data in the form that the estimator was fitted on, and its truth with --label",
        )
    columns = {f"features.{name}": frame[name] for name in names}
    columns |= _predicted(inner, frame[names] if given is not None else frame[names].to_numpy(), settings)
    if truth is not None:
        columns["outcome.actual_value" if settings.task == "regression" else "outcome.actual"] = frame[truth]
    if timestamp in frame.columns:
        columns["@timestamp"] = frame[timestamp]
    import pandas as pd

    return pd.DataFrame(columns, index=frame.index)


def check_task(estimator: Any, settings: ModelSettings) -> None:
    """Refuse an estimator whose classes are not those of the settings."""
    classes = getattr(estimator, "classes_", None)
    task: Task = "regression" if classes is None else "binary" if len(classes) == 2 else "multiclass"
    if task != settings.task:
        raise UsageError(
            f"the estimator is {task}, and {settings.name} is {settings.task} in the settings",
            remedy=f"set models.{settings.name}.task: {task} in driftlog.yml",
        )
    names = [_name(each) for each in classes] if classes is not None else []
    if task == "binary" and settings.positive_label not in names:
        raise UsageError(
            f"positive_label is {settings.positive_label!r}, and the estimator's classes are {' and '.join(names)}",
            remedy=f'set models.{settings.name}.positive_label: "{names[1]}" in driftlog.yml',
        )


def _predicted(estimator: Any, rows: Any, settings: ModelSettings) -> dict[str, Any]:
    try:
        answers = estimator.predict(rows)
        shares = estimator.predict_proba(rows) if hasattr(estimator, "predict_proba") else None
    except Exception as error:
        raise UsageError(
            f"the estimator cannot predict the file's rows: {type(error).__name__}: {error}",
            remedy="give the data in the form that it was fitted on",
        ) from error
    if settings.task == "regression":
        return {"prediction.value": answers}
    found: dict[str, Any] = {"prediction.label": [_name(each) for each in answers]}
    if shares is None:
        return found
    names = [_name(each) for each in estimator.classes_]
    if settings.task == "binary":
        return found | {"prediction.score": shares[:, names.index(settings.positive_label)]}
    by_class = {f"prediction.probabilities.{name}": shares[:, at] for at, name in enumerate(names)}
    return found | by_class | {"prediction.score": shares.max(axis=1)}


def _name(value: Any) -> str:
    from driftlog.profile.columns import category_name

    return category_name(value)
