"""Column mappings of Evidently and NannyML, read as driftlog's columns, so that a team can bring its data as it is.

What is read: Evidently's ``DataDefinition`` (0.6.2 and later) and ``ColumnMapping`` (before), as JSON or YAML; the
arguments of NannyML's calculators and estimators (``y_true``, ``y_pred``, ``y_pred_proba``, ``timestamp_column_name``,
``feature_column_names``, ``problem_type``), likewise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from driftlog.contract.errors import UsageError
from driftlog.contract.events import Task
from driftlog.contract.settings import ModelSettings

if TYPE_CHECKING:
    import pandas as pd

Peer = Literal["evidently", "nannyml"]
PARTITIONS: Final = ("period", "partition")
REFERENCE: Final = "reference"
_PROBLEMS: Final[dict[str, Task]] = {
    "classification_binary": "binary",
    "classification_multiclass": "multiclass",
    "regression": "regression",
}
_NOT_READ: Final = ("ranking", "llm", "embeddings", "list_columns")

Content = Mapping[str, Any]


@dataclass(frozen=True)
class PeerColumns:
    """Roles of a file's columns as a peer's mapping gives them, and what it says of the model.

    Attributes
    ----------
    fields
        Column -> field of an event: features, label, score, probabilities of classes, value.
    truth
        None where this file has none: it comes later.
    partition
        NannyML's column that says ``reference`` or ``analysis``.
    """

    fields: dict[str, str]
    timestamp: str | None = None
    event_id: str | None = None
    truth: str | None = None
    partition: str | None = None
    task: Task | None = None
    positive_label: str | None = None
    categorical: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    left_out: tuple[str, ...] = field(default=())

    def advice(self, settings: ModelSettings) -> str:
        """Lines for driftlog.yml, where the mapping says something else than the settings; empty where not."""
        lines = []
        if self.task is not None and self.task != settings.task:
            lines.append(f"task: {self.task}")
        if self.task == "binary" and self.positive_label not in (None, settings.positive_label):
            lines.append(f'positive_label: "{self.positive_label}"')
        for name in ("categorical", "text"):
            wanted = [each for each in getattr(self, name) if each not in getattr(settings, name)]
            if wanted:
                lines.append(f"{name}: [{', '.join(wanted)}]")
        return ", ".join(lines)


def read_mapping(path: Path) -> Content:
    """A mapping from a JSON or YAML file.

    Raises
    ------
    UsageError
        It is no mapping.
    """
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"{path} cannot be read: {error}", remedy="write it as JSON or YAML") from error
    if not isinstance(content, dict):
        raise UsageError(
            f"{path} is no mapping of columns",
            remedy="Evidently: open(path, 'w').write(data_definition.json()). NannyML: its arguments, as y_true: left",
        )
    return content


def peer_columns(peer: Peer, content: Content, frame: pd.DataFrame) -> PeerColumns:
    """Roles of the columns of `frame`.

    Raises
    ------
    UsageError
        A column that the mapping names is not in the file (the truth may come later), or it is of a kind of task that
        driftlog does not have.
    """
    if peer == "nannyml":
        found = _nannyml(content, frame)
    elif {"classification", "regression", "numerical_columns", "id_column"} & set(content):
        found = _data_definition(content, frame)
    else:
        found = _column_mapping(content, frame)
    named = [*found.fields, *(each for each in (found.timestamp, found.event_id) if each)]
    absent = [name for name in named if name not in frame.columns]
    if absent:
        raise UsageError(
            f"the mapping names columns that the file does not have: {', '.join(absent[:5])}",
            remedy="correct the mapping, or give the file that it is of",
        )
    return found


def peer_of(evidently: Path | None, nannyml: Path | None, frame: pd.DataFrame) -> PeerColumns | None:
    """Roles by the mapping of one of the peers; None where none is given."""
    if evidently is not None and nannyml is not None:
        raise UsageError("a file has one mapping", remedy="give --from-evidently or --from-nannyml")
    if evidently is not None:
        return peer_columns("evidently", read_mapping(evidently), frame)
    return peer_columns("nannyml", read_mapping(nannyml), frame) if nannyml is not None else None


def reference_rows(found: PeerColumns, frame: pd.DataFrame, *, regression: bool) -> pd.DataFrame:
    """The rows of a reference in driftlog's fields: those of NannyML's reference period, where there is one."""
    if found.partition is not None:
        frame = frame[frame[found.partition].astype(str) == REFERENCE]
    columns = dict(found.fields)
    if found.timestamp is not None:
        columns[found.timestamp] = "@timestamp"
    if found.truth is not None:
        columns[found.truth] = "outcome.actual_value" if regression else "outcome.actual"
    return frame[list(columns)].rename(columns=columns).reset_index(drop=True)


def _data_definition(content: Content, frame: pd.DataFrame) -> PeerColumns:
    """Evidently's DataDefinition; of several classifications or regressions, the first."""
    for name in _NOT_READ:
        if content.get(name):
            raise UsageError(f"{name}: driftlog watches classifications and regressions", remedy="take it out")
    one = _first(content.get("classification")) or _first(content.get("regression")) or {}
    classes = bool(content.get("classification"))
    truth = one.get("target")
    fields: dict[str, str] = {}
    if classes:
        fields = _labels(one.get("prediction_labels"))
        fields |= _shares(one.get("prediction_probas"), one.get("pos_label"))
    elif one.get("prediction"):
        fields = {str(one["prediction"]): "prediction.value"}
    several = isinstance(one.get("prediction_probas"), list) and len(one["prediction_probas"]) > 2
    groups = {kind: _names(content.get(f"{kind}_columns")) for kind in ("numerical", "categorical", "text", "datetime")}
    return _finish(
        frame,
        fields,
        groups,
        timestamp=content.get("timestamp"),
        event_id=content.get("id_column"),
        truth=truth,
        task=("multiclass" if several or "pos_label" not in one else "binary")
        if classes
        else "regression"
        if one
        else None,
        positive=one.get("pos_label"),
    )


def _column_mapping(content: Content, frame: pd.DataFrame) -> PeerColumns:
    """Evidently's ColumnMapping, with its default names where it gives none."""
    truth, answer = content.get("target", "target"), content.get("prediction", "prediction")
    task = content.get("task") or ("classification" if content.get("pos_label") is not None else None)
    fields: dict[str, str] = {}
    if isinstance(answer, list):
        fields = _shares(answer, content.get("pos_label", 1))
        found: Task | None = "binary" if len(answer) <= 2 else "multiclass"
    elif task == "regression":
        fields, found = {str(answer): "prediction.value"}, "regression"
    else:
        share = answer in frame and _is_share(frame[str(answer)])
        fields = {str(answer): "prediction.score" if share else "prediction.label"} if answer in frame else {}
        found = "binary" if task == "classification" and (share or _count(frame, truth) <= 2) else None
        found = found or ("multiclass" if task == "classification" else None)
    kinds = {"numerical": "numerical_features", "categorical": "categorical_features"}
    kinds |= {"text": "text_features", "datetime": "datetime_features"}
    return _finish(
        frame,
        fields,
        {kind: _names(content.get(name)) for kind, name in kinds.items()},
        timestamp=content.get("datetime") or ("datetime" if "datetime" in frame else None),
        event_id=content.get("id"),
        truth=truth,
        task=found,
        positive=content.get("pos_label", 1) if found == "binary" else None,
        apart=[name for name in ("user_id", "item_id") if content.get(name) in frame and content.get(name) != name],
    )


def _nannyml(content: Content, frame: pd.DataFrame) -> PeerColumns:
    """Arguments of NannyML's calculators; classes are told apart by 1 and 0."""
    problem = content.get("problem_type") or ("regression" if "y_pred_proba" not in content else None)
    task = _PROBLEMS.get(str(problem)) or ("multiclass" if isinstance(content.get("y_pred_proba"), dict) else "binary")
    answer, shares = content.get("y_pred", "y_pred"), content.get("y_pred_proba")
    fields = (
        {str(answer): "prediction.value" if task == "regression" else "prediction.label"} if answer in frame else {}
    )
    if isinstance(shares, dict):
        fields |= {str(column): f"prediction.probabilities.{name}" for name, column in shares.items()}
    elif shares:
        fields[str(shares)] = "prediction.score"
    partition = content.get("partition_column_name") or next((n for n in PARTITIONS if _partitions(frame, n)), None)
    features = _names(content.get("feature_column_names")) or _names(content.get("column_names"))
    groups = {"numerical": [], "categorical": _names(content.get("treat_as_categorical")), "text": [], "datetime": []}
    identifier = content.get("id_column") or next((name for name in ("id", "identifier") if name in frame), None)
    taken = {*fields, content.get("y_true", "y_true"), content.get("timestamp_column_name"), identifier, partition}
    if features:
        groups["numerical"] = [name for name in features if name not in taken and name not in groups["categorical"]]
    return _finish(
        frame,
        fields,
        groups,
        timestamp=content.get("timestamp_column_name") or ("timestamp" if "timestamp" in frame else None),
        event_id=identifier,
        truth=content.get("y_true", "y_true"),
        task=task,
        positive=1 if task == "binary" else None,
        apart=[partition] if partition else [],
        partition=partition,
    )


def _finish(
    frame: pd.DataFrame,
    fields: dict[str, str],
    groups: Mapping[str, Sequence[str]],
    *,
    timestamp: str | None,
    event_id: str | None,
    truth: str | None,
    task: Task | None,
    positive: object,
    apart: Sequence[str] = (),
    partition: str | None = None,
) -> PeerColumns:
    """The other columns: those that are named, or all that are left, are features. Dates are no features here."""
    from driftlog.profile.columns import category_name

    taken = {*fields, timestamp, event_id, truth, *apart, *groups["datetime"]}
    named = [name for kind in ("numerical", "categorical", "text") for name in groups[kind]]
    features = [name for name in (named or map(str, frame.columns)) if name not in taken]
    numbers = {str(name) for name in frame.select_dtypes("number").columns}
    return PeerColumns(
        fields=fields | {name: f"features.{name}" for name in features},
        timestamp=timestamp,
        event_id=event_id,
        truth=truth if truth in frame.columns else None,
        partition=partition,
        task=task,
        positive_label=None if positive is None else category_name(positive),
        categorical=tuple(name for name in groups["categorical"] if name in numbers),
        text=tuple(groups["text"]),
        left_out=tuple(groups["datetime"]),
    )


def _first(value: Any) -> dict[str, Any] | None:
    return dict(value[0]) if isinstance(value, list) and value else None


def _names(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [str(each) for each in value or ()]


def _labels(column: Any) -> dict[str, str]:
    return {str(column): "prediction.label"} if column else {}


def _shares(columns: Any, positive: object) -> dict[str, str]:
    """Columns of probabilities: one is the positive class's; of two, that of its name; of more, one a class."""
    from driftlog.profile.columns import category_name

    names = _names(columns)
    if len(names) == 1:
        return {names[0]: "prediction.score"}
    if len(names) == 2 and category_name(positive) in names:
        return {category_name(positive): "prediction.score"}
    return {name: f"prediction.probabilities.{name}" for name in names}


def _is_share(values: pd.Series[Any]) -> bool:
    """Whether numbers are probabilities: between 0 and 1, and not only these two."""
    import pandas as pd

    known = pd.to_numeric(values, errors="coerce").dropna()
    return bool(len(known)) and bool(known.between(0, 1).all()) and not bool(known.isin([0, 1]).all())


def _count(frame: pd.DataFrame, column: object) -> int:
    return int(frame[column].nunique()) if column in frame.columns else 0


def _partitions(frame: pd.DataFrame, column: str) -> bool:
    return column in frame.columns and set(frame[column].dropna().astype(str)) <= {REFERENCE, "analysis", "test", ""}
