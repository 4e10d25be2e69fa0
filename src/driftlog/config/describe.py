"""One line about every setting: source of the commented driftlog.yml and of the table in docs/configuration.md."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from driftlog.config.decode import field_types
from driftlog.config.environment import variable_name
from driftlog.config.masked import plain
from driftlog.contract.settings import (
    CellValue,
    ExperimentSettings,
    ModelSettings,
    Settings,
    ThresholdSettings,
    UserMetricSettings,
)

SECTIONS: Final[dict[str, str]] = {
    "elasticsearch": "How to reach Elasticsearch; an API key, or user and password.",
    "local": "The local Elasticsearch of one machine (`driftlog local start`).",
    "intake": "The single-machine stand-in for Logstash (`driftlog intake`).",
    "worker": "The process that evaluates (`driftlog worker`).",
}

DESCRIPTIONS: Final[dict[str, str]] = {
    "prefix": "Start of every index name; one an installation.",
    "period": "Length of a predictions index: day, month or year.",
    "elasticsearch.urls": "Addresses of the cluster's nodes.",
    "elasticsearch.api_key": "Encoded API key; write ${VARIABLE}, not the key.",
    "elasticsearch.username": "User name, where no API key is used.",
    "elasticsearch.password": "Its password; write ${VARIABLE}, not the password.",
    "elasticsearch.ca_certs": "File with the certificate authority of an https cluster.",
    "elasticsearch.verify_certs": "Check the cluster's certificate. false is for experiments only.",
    "elasticsearch.timeout_s": "Seconds until a request is given up.",
    "local.port": "Port of the local Elasticsearch (not 9200, which may be taken).",
    "local.heap": "Memory of its Java heap.",
    "local.home": "Folder of its program and data; none: the user's data folder.",
    "local.distribution": "Folder of a full Elasticsearch to run instead of the fetched one.",
    "local.secure": "With users, roles and https.",
    "intake.host": "Address to listen on; 0.0.0.0 for every interface.",
    "intake.http_port": "Port for HTTP: one event, an array, or NDJSON.",
    "intake.tcp_port": "Port for JSON lines over TCP; none: not opened.",
    "intake.max_body_bytes": "Largest HTTP request.",
    "intake.max_event_bytes": "Largest event; larger ones are quarantined.",
    "intake.max_pending_bytes": "Bytes accepted and not yet stored; above it the answer is 429.",
    "intake.max_age": "Events older than this are quarantined; none: any age.",
    "intake.max_ahead": "Events further in the future are quarantined.",
    "intake.max_features": "Features of one event; more are quarantined.",
    "intake.auto_register": "Register models as they appear; on for a laptop, off for a team.",
    "intake.auto_register_limit": "At most this many models register themselves.",
    "intake.username": "User name that senders must give.",
    "intake.password": "Its password; write ${VARIABLE}.",
    "intake.api_key": "API key that senders may give instead; write ${VARIABLE}.",
    "intake.allow_open": "Accept events from other machines without credentials; only behind a wall of your own.",
    "intake.tls_cert": "Certificate file: serve https.",
    "intake.tls_key": "Its key file.",
    "worker.id": "Name of this worker; empty: host name and process id.",
    "worker.lease": "A worker silent for this long loses its models to the others.",
    "worker.overlap": "How far before its cursor a worker looks again for newly ingested events.",
    "models.<name>.environment": "Value of service.environment this model is watched in.",
    "models.<name>.task": "binary, multiclass or regression.",
    "models.<name>.positive_label": "The positive class of a binary model, in quotes.",
    "models.<name>.decision_threshold": "Score from which on the positive class is predicted.",
    "models.<name>.features": "Features to watch; empty: all of the reference.",
    "models.<name>.categorical": "Features that are categories although they look like numbers.",
    "models.<name>.bucket": "What is counted at once; divides a day.",
    "models.<name>.window": "What is judged: a divisor of a day, whole days or whole weeks.",
    "models.<name>.timezone": "Whole days and weeks begin at midnight of this time zone.",
    "models.<name>.cycle": "How often the worker looks at the model.",
    "models.<name>.wait": "A window is judged this long after its end (queues, clock skew).",
    "models.<name>.look_back": "Windows that ended longer ago are frozen: late events no longer re-open them.",
    "models.<name>.min_maturity": "Share of truths a window needs before its performance is judged.",
    "models.<name>.min_rows": "Windows with fewer rows are not judged.",
    "models.<name>.drift_measures": "The judged effect size: the first for numbers, the second for categories.",
    "models.<name>.report_measures": "Further drift measures, stored and not judged.",
    "models.<name>.thresholds": "Thresholds before the defaults; see the table below.",
    "models.<name>.correction": "Of i.i.d. p-values in a family: benjamini_hochberg, holm, bonferroni or none.",
    "models.<name>.joint_measures": "domain_classifier_auc, pca_reconstruction: drift of whole rows, from a sample.",
    "models.<name>.joint_rows": "Rows of a window that joint measures and row models read.",
    "models.<name>.segments": "Features whose values are watched apart: [carrier, origin, [origin, carrier]].",
    "models.<name>.max_segments": "Values of one segmentation, the most frequent first.",
    "models.<name>.min_segment_rows": "Smaller segments are not ranked.",
    "models.<name>.protected": "Segmentations between which fairness is measured.",
    "models.<name>.text": "Text features: watched by length, words and share of unseen tokens.",
    "models.<name>.concept_detectors": "adwin, ddm, eddm, hddm_a, hddm_w, kswin, page_hinkley; informational.",
    "models.<name>.concept_replay": "Detectors start afresh at each multiple of this.",
    "models.<name>.estimate": "Estimate performance before labels arrive.",
    "models.<name>.quantile": "Regression: the quantile the model predicts; none: the mean.",
    "models.<name>.business_value": "What each cell of the confusion matrix is worth; see the table below.",
    "models.<name>.business_value[].actual": "Actual label, or * for any.",
    "models.<name>.business_value[].predicted": "Predicted label, or * for any.",
    "models.<name>.business_value[].value": "Value of one such outcome; costs are negative.",
    "models.<name>.business_unit": "Unit of the values, such as EUR.",
    "models.<name>.metrics": "Metrics of your own; see the table below.",
    "models.<name>.metrics[].name": "Its name, for thresholds and charts.",
    "models.<name>.metrics[].over": "What it reads: profile (counts), frame (rows) or aggregation.",
    "models.<name>.metrics[].function": "module:function, for profile and frame.",
    "models.<name>.metrics[].aggregation": "Elasticsearch aggregation as JSON, for aggregation.",
    "models.<name>.metrics[].path": "Where its number is: late.doc_count.",
    "models.<name>.metrics[].of": "predictions or outcomes.",
    "models.<name>.metrics[].rows": "Most rows of a frame.",
    "models.<name>.metrics[].unit": "Unit, for charts.",
    "models.<name>.metrics[].minimum": "Smallest possible value.",
    "models.<name>.metrics[].maximum": "Largest possible value.",
    "models.<name>.experiments": "A/B tests of variants; see the table below.",
    "models.<name>.experiments[].name": "Its name.",
    "models.<name>.experiments[].control": "Variant that the others are compared with.",
    "models.<name>.experiments[].treatments": "The other variants.",
    "models.<name>.experiments[].target": "accuracy, outcome.*, feedback.rating, features.* or prediction.*.",
    "models.<name>.experiments[].kind": "binary (proportions) or numeric (means).",
    "models.<name>.experiments[].direction": "above: more is better; below: less is.",
    "models.<name>.experiments[].start": "First day or instant, as 2026-03-01.",
    "models.<name>.experiments[].end": "End of the fixed horizon.",
    "models.<name>.experiments[].shares": "Shares of subjects meant for control and treatments; empty: equal.",
    "models.<name>.experiments[].minimum_effect": "Absolute difference worth finding.",
    "models.<name>.experiments[].alpha": "False-alarm rate.",
    "models.<name>.experiments[].power": "Probability of finding minimum_effect.",
    "models.<name>.cost.currency": "Currency of the prices.",
    "models.<name>.cost.cpu_hour": "Price of an hour of one busy core.",
    "models.<name>.cost.gpu_hour": "Price of an hour of one busy GPU.",
    "models.<name>.cost.memory_gb_hour": "Price of a gigabyte of memory for an hour.",
    "models.<name>.cost.idle_after": "Serving processes without predictions for this long are idle.",
    "models.<name>.cost.cores": "Cores its processes may use, for headroom; 0: as the samples show.",
    "models.<name>.owner": "Who is told.",
    "models.<name>.service": "service.name of its processes, for CPU and memory; empty: any.",
    "models.<name>.thresholds[].metric": "Metric, as a shell pattern: roc_auc, latency_*.",
    "models.<name>.thresholds[].field": "Field, as a shell pattern: features.distance.",
    "models.<name>.thresholds[].segment": "Segments, as a shell pattern; empty: the whole model, *: everything.",
    "models.<name>.thresholds[].purpose": "Purposes, as a shell pattern; empty: every one but estimation_error.",
    "models.<name>.thresholds[].kind": "constant, relative (to reference), default_drift, quantile, seasonal, none.",
    "models.<name>.thresholds[].direction": "above or below: the side that is bad.",
    "models.<name>.thresholds[].warning": "Limit of a warning (quantile: 0.99; seasonal: standard deviations).",
    "models.<name>.thresholds[].critical": "Limit of a critical alert.",
    "models.<name>.thresholds[].share": "relative only: the limits are shares of the reference's value.",
    "models.<name>.thresholds[].floor": "default_drift only: smaller effects never alarm.",
    "models.<name>.thresholds[].of_windows": "[N, M]: N of the last M windows before an alert opens.",
}


LISTED: Final[dict[str, type[msgspec.Struct]]] = {
    "thresholds": ThresholdSettings,
    "business_value": CellValue,
    "metrics": UserMetricSettings,
    "experiments": ExperimentSettings,
}
"""Settings of a model that are lists of groups."""


def rows() -> list[tuple[str, str, str, str]]:
    """Setting, default, environment variable and description of every setting, in the file's order."""
    found = []
    for path, default in _walk(Settings, ""):
        found.append((path, written(default), _variable(path), DESCRIPTIONS[path]))
    return found


def written(default: object) -> str:
    """Default as it is written in the file."""
    if default is None:
        return "none"
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, list):
        return "[" + ", ".join(str(item) for item in default) + "]"
    return '""' if default == "" else f'"{default}"' if default == "1" else str(default)


def _variable(path: str) -> str:
    return "" if "[]" in path else variable_name(tuple(path.split(".")))


def _walk(cls: type[msgspec.Struct], above: str) -> list[tuple[str, object]]:
    found: list[tuple[str, object]] = []
    for field, (name, kind) in zip(msgspec.structs.fields(cls), field_types(cls).items(), strict=True):
        if cls is ModelSettings and name == "name":
            continue
        path = f"{above}{name}"
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += _walk(kind, path + ".")
        elif path == "models":
            found += _walk(ModelSettings, "models.<name>.")
        else:
            found.append((path, "required" if field.required else plain(_default(field))))
            if cls is ModelSettings and name in LISTED:
                found += _walk(LISTED[name], path + "[].")
    return found


def _default(field: Any) -> object:
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
