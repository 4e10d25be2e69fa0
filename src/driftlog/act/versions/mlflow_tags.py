"""What MLflow keeps of a version in tags: the whole record in one, what people look for in others."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from driftlog.contract.errors import VersionUnusable
from driftlog.contract.maintenance import ModelVersion

RECORD: Final = "driftlog.record"
NAME: Final = "driftlog.version"


def number_of(found: Any) -> int:
    return int(found.version)


def name_of(found: Any) -> str:
    """driftlog's name of a model version; MLflow's number where driftlog did not register it."""
    return str(found.tags.get(NAME) or found.version)


def record_of(version: ModelVersion) -> str:
    return msgspec.json.encode(msgspec.structs.replace(version, uri="", run_url="")).decode()


def version_in(record: str, found: Any) -> ModelVersion:
    try:
        return msgspec.json.decode(record, type=ModelVersion)
    except msgspec.MsgspecError as error:
        raise VersionUnusable(
            f"the tag {RECORD} of {found.name} {found.version} is damaged: {error}",
            remedy="restore the tag, or delete that version in MLflow",
        ) from error


def tags_of(version: ModelVersion) -> dict[str, str]:
    """What people look for in MLflow; empty ones are left out."""
    git = version.git
    tags = {
        NAME: version.version,
        "driftlog.model": version.model,
        "driftlog.status": version.status,
        "driftlog.digest": version.digest,
        "driftlog.decision": version.decision_id,
        "driftlog.training_run": version.run_id,
        "driftlog.reference": version.reference_id,
        "driftlog.created_by": version.created_by,
        "driftlog.previous": version.previous,
        "driftlog.data.from": version.data.start.isoformat() if version.data else "",
        "driftlog.data.to": version.data.end.isoformat() if version.data else "",
        "driftlog.data.rows": str(version.data_rows or ""),
        "driftlog.data.digest": version.data_digest,
        "driftlog.git.commit": git.commit if git else "",
        "driftlog.git.branch": git.branch if git else "",
        "driftlog.git.tag": git.tag if git else "",
        "driftlog.git.dirty": str(git.dirty).lower() if git else "",
        "driftlog.git.remote": git.remote if git else "",
    }
    return {name: value for name, value in tags.items() if value}


def source_tags_of(version: ModelVersion) -> dict[str, str]:
    """Those that MLflow's own pages show."""
    git = version.git
    tags = {
        "mlflow.source.git.commit": git.commit if git else "",
        "mlflow.source.git.branch": git.branch if git else "",
        "mlflow.source.git.repoURL": git.remote if git else "",
    }
    return {name: value for name, value in tags.items() if value}
