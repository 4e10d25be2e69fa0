"""What is read of requests and responses of the inference protocols, and what is refused with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import EventRefused
from driftlog.contract.events import ModelGroup
from driftlog.contract.names import IndexNames
from driftlog.contract.payloads import PayloadDocument, PayloadGroup, PayloadSettings
from driftlog.contract.settings import ModelSettings
from driftlog.intake.arrival import Arrival, Rules
from driftlog.worker.pairing_events import feedback, paired
from driftlog.worker.pairing_requests import instances_of
from driftlog.worker.pairing_responses import answers_of

NOW = datetime(2026, 3, 31, tzinfo=UTC)
NAMES = PayloadSettings(feature_names=("age", "country"))


def tensor(name: str, shape: list[int], data: Any, datatype: str = "FP32") -> dict[str, Any]:
    return {"name": name, "shape": shape, "datatype": datatype, "data": data}


ROW = [{"age": 41, "country": "DE"}]
TWO = [*ROW, {"age": 42, "country": None}]

REQUESTS = [
    ("V1 rows", {"instances": [[41, "DE"], [42, None]]}, NAMES, TWO),
    ("V1 objects", {"instances": TWO}, PayloadSettings(), TWO),
    ("V1 one column", {"instances": [41, 42]}, PayloadSettings(feature_names=("age",)), [{"age": 41}, {"age": 42}]),
    ("V1 left out", {"instances": ROW}, PayloadSettings(leave_out=("country",)), [{"age": 41}]),
    ("V2 one tensor", {"inputs": [tensor("x", [2, 2], [41, "DE", 42, None])]}, NAMES, TWO),
    ("V2 nested data", {"inputs": [tensor("x", [2, 2], [[41, "DE"], [42, None]])]}, NAMES, TWO),
    (
        "V2 columns",
        {"inputs": [tensor("age", [2], [41, 42]), tensor("country", [2, 1], ["DE", None], "BYTES")]},
        PayloadSettings(),
        TWO,
    ),
    ("V2 wide dimensions", {"inputs": [tensor("x", [1, 1, 2], [41, "DE"])]}, NAMES, ROW),
    ("Seldon ndarray", {"data": {"names": ["age", "country"], "ndarray": [[41, "DE"]]}}, PayloadSettings(), ROW),
    ("Seldon flat row", {"data": {"names": ["age", "country"], "ndarray": [41, "DE"]}}, PayloadSettings(), ROW),
    ("Seldon names configured", {"data": {"ndarray": [[41, "DE"]]}}, NAMES, ROW),
    ("Seldon tensor", {"data": {"tensor": {"shape": [1, 2], "values": [41, "DE"]}}}, NAMES, ROW),
    ("Seldon jsonData", {"jsonData": ROW[0]}, PayloadSettings(), ROW),
    ("Seldon jsonData list", {"jsonData": TWO}, PayloadSettings(), TWO),
    ("Seldon strData", {"strData": "good"}, PayloadSettings(), [{"text": "good"}]),
]


@pytest.mark.parametrize(
    ("body", "settings", "expected"), [case[1:] for case in REQUESTS], ids=[c[0] for c in REQUESTS]
)
def test_features_have_their_names(body: dict[str, Any], settings: PayloadSettings, expected: Any) -> None:
    """Of the payload, of the tensors, or of the settings."""
    assert instances_of(body, settings) == expected


REFUSED_REQUESTS = [
    ({"instances": [[1, 2]]}, PayloadSettings(), "missing_feature_names", "payloads.feature_names"),
    ({"inputs": [tensor("x", [1, 2], [1, 2])]}, PayloadSettings(), "missing_feature_names", "payloads.feature_names"),
    ({"instances": [[1, 2, 3]]}, NAMES, "illegal_payload", "3 columns"),
    ({"instances": []}, NAMES, "illegal_payload", "no instance"),
    ({"instances": 5}, NAMES, "illegal_payload", "no list"),
    ({"inputs": [tensor("x", [1, 3], [1, 2])]}, NAMES, "illegal_payload", "shape"),
    ({"inputs": [tensor("a", [1], [1]), tensor("b", [2], [1, 2])]}, NAMES, "illegal_payload", "1, 2 rows"),
    ({"inputs": {"age": [1]}}, NAMES, "illegal_payload", "no list of tensors"),
    (
        {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "parameters": {"binary_data_size": 8}}]},
        NAMES,
        "illegal_payload",
        "binary data",
    ),
    ({"data": {"tftensor": {}}}, NAMES, "illegal_payload", "tftensor"),
    ({"binData": "AA=="}, NAMES, "illegal_payload", "binData"),
    ({"inputs": [tensor("x", [1] * 33, [1])]}, NAMES, "illegal_payload", "33 dimensions"),
    ({"inputs": [tensor("x", [10**4000, 0], [1])]}, NAMES, "illegal_payload", "1 values"),
    ({"inputs": [tensor("x", [True, 2], [1, 2])]}, NAMES, "illegal_payload", "shape"),
    ({"inputs": [tensor("x", [1.0, 2], [1, 2])]}, NAMES, "illegal_payload", "shape"),  # type: ignore[list-item]
    ({"inputs": [tensor("x", [-1, -2], [1, 2])]}, NAMES, "illegal_payload", "shape"),
    ({"inputs": [tensor("x", [], [1])]}, NAMES, "illegal_payload", "shape"),
    ({"inputs": [tensor("x", [0, 10**4000], [])]}, NAMES, "illegal_payload", "no instance"),
    ({}, NAMES, "illegal_payload", "nothing"),
]


@pytest.mark.parametrize(("body", "settings", "reason", "text"), REFUSED_REQUESTS)
def test_a_request_that_cannot_be_read_says_why(
    body: dict[str, Any], settings: PayloadSettings, reason: str, text: str
) -> None:
    """And what to set, where that would help."""
    with pytest.raises(EventRefused, match=text) as caught:
        instances_of(body, settings)
    assert caught.value.reason == reason


BINARY = ModelSettings(name="m")
NAMED = ModelSettings(name="m", positive_label="yes", payloads=PayloadSettings(classes=("no", "yes")))
MANY = ModelSettings(name="m", task="multiclass")
VALUE = ModelSettings(name="m", task="regression")
YES = {"probabilities": {"no": 0.2, "yes": 0.8}, "score": 0.8, "label": "yes"}


def scored(**settings: Any) -> ModelSettings:
    return ModelSettings(name="m", payloads=PayloadSettings(**settings))


RESPONSES = [
    ("V1 labels", {"predictions": [1, 0]}, BINARY, [{"label": "1"}, {"label": "0"}]),
    ("V1 float labels", {"predictions": [1.0]}, BINARY, [{"label": "1"}]),
    (
        "V1 scores",
        {"predictions": [0.75, 0.25]},
        BINARY,
        [{"score": 0.75, "label": "1"}, {"score": 0.25, "label": "0"}],
    ),
    ("V1 scores of 1", {"predictions": [1]}, scored(answer="score"), [{"score": 1.0, "label": "1"}]),
    ("V1 probabilities", {"predictions": [[0.2, 0.8]]}, NAMED, [YES]),
    ("V1 named probabilities", {"predictions": [{"probabilities": {"no": 0.2, "yes": 0.8}}]}, NAMED, [YES]),
    ("V1 label and score", {"predictions": [{"label": "b", "score": 0.6}]}, MANY, [{"label": "b", "score": 0.6}]),
    (
        "V1 named output",
        {"predictions": [{"out": [0.9], "x": 1}]},
        scored(output="out"),
        [{"score": 0.9, "label": "1"}],
    ),
    ("V1 values", {"predictions": [[1.5], 2]}, VALUE, [{"value": 1.5}, {"value": 2.0}]),
    (
        "multiclass",
        {"predictions": [[0.1, 0.7, 0.2]]},
        MANY,
        [{"probabilities": {"0": 0.1, "1": 0.7, "2": 0.2}, "score": 0.7, "label": "1"}],
    ),
    ("V2 labels", {"outputs": [tensor("predict", [2, 1], [1, 0], "INT64")]}, BINARY, [{"label": "1"}, {"label": "0"}]),
    (
        "V2 labels beside probabilities",
        {"outputs": [tensor("predict_proba", [1, 2], [0.6, 0.4]), tensor("predict", [1], [1], "INT64")]},
        BINARY,
        [{"probabilities": {"0": 0.6, "1": 0.4}, "score": 0.4, "label": "1"}],
    ),
    (
        "V2 chosen output",
        {"outputs": [tensor("a", [1], [5]), tensor("b", [1], [7])]},
        ModelSettings(name="m", task="regression", payloads=PayloadSettings(output="b")),
        [{"value": 7.0}],
    ),
    ("V2 text", {"outputs": [tensor("predict", [1], ["cat"], "BYTES")]}, MANY, [{"label": "cat"}]),
    ("Seldon names", {"data": {"names": ["no", "yes"], "ndarray": [[0.2, 0.8]]}}, NAMED, [YES]),
    (
        "Seldon tensor",
        {"data": {"tensor": {"shape": [2, 1], "values": [1.5, 2.5]}}},
        VALUE,
        [{"value": 1.5}, {"value": 2.5}],
    ),
    ("Seldon strData", {"strData": "yes"}, NAMED, [{"label": "yes"}]),
    ("Seldon jsonData", {"jsonData": {"label": "yes"}}, NAMED, [{"label": "yes"}]),
    (
        "score without known labels",
        {"predictions": [0.7]},
        ModelSettings(name="m", positive_label="late"),
        [{"score": 0.7}],
    ),
]


@pytest.mark.parametrize(("body", "model", "expected"), [case[1:] for case in RESPONSES], ids=[c[0] for c in RESPONSES])
def test_answers_become_predictions(body: dict[str, Any], model: ModelSettings, expected: Any) -> None:
    """By the task of the model, and by what its settings say of its payloads."""
    answers = answers_of(body, model)
    assert (answers.predictions, answers.error_type) == (expected, "")


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"status": {"status": "FAILURE", "reason": "BAD", "info": "why", "code": -1}}, ("BAD", "why")),
        ({"status": {"code": 500}}, ("failure", "500")),
        ({"error": "no such model"}, ("model_error", "no such model")),
    ],
)
def test_a_failed_call_is_told_as_such(body: dict[str, Any], error: tuple[str, str]) -> None:
    """Seldon's status, and the protocols' error."""
    answers = answers_of(body, BINARY)
    assert (answers.error_type, answers.error_message) == error


REFUSED_RESPONSES = [
    ({"predictions": [{"a": 1}]}, BINARY, "payloads.output"),
    ({"predictions": ["word"]}, VALUE, "no number"),
    ({"predictions": [None]}, BINARY, "no label"),
    ({"predictions": [[0.1, 0.2, 0.7]]}, NAMED, "3 probabilities, and 2 classes"),
    ({"predictions": [[1, 2]]}, scored(answer="label"), "list of 2"),
    ({"outputs": [tensor("a", [1], [1])]}, scored(output="b"), "no output 'b'"),
    ({"outputs": [tensor("a", [1], [1]), tensor("predict_proba", [2], [1, 0])]}, BINARY, "1 answers, and prob"),
    ({"other": 1}, BINARY, "no answer"),
]


@pytest.mark.parametrize(("body", "model", "text"), REFUSED_RESPONSES)
def test_a_response_that_cannot_be_read_says_why(body: dict[str, Any], model: ModelSettings, text: str) -> None:
    """Never a wrong prediction, and never any other error."""
    with pytest.raises(EventRefused, match=text) as caught:
        answers_of(body, model)
    assert caught.value.reason == "illegal_payload"


FEW = PayloadSettings(feature_names=("age",), max_instances=2)
MODEL_OF_FEW = ModelSettings(name="m", payloads=FEW)


def of_instances(n: int) -> list[tuple[dict[str, Any], bool]]:
    """Payloads of `n` instances, and whether it is an answer."""
    return [
        ({"instances": [1] * n}, False),
        ({"inputs": [tensor("age", [n], [1] * n)]}, False),
        ({"inputs": [tensor("age", [n, 1], [[1]] * n)]}, False),
        ({"data": {"names": ["age", "x"], "ndarray": [[1, 2]] * n}}, False),
        ({"data": {"tensor": {"shape": [n, 1], "values": [1] * n}}}, False),
        ({"jsonData": [{"age": 1}] * n}, False),
        ({"predictions": [1] * n}, True),
        ({"outputs": [tensor("p", [n], [1] * n)]}, True),
        ({"data": {"ndarray": [1] * n}}, True),
        ({"data": {"tensor": {"shape": [n], "values": [1] * n}}}, True),
        ({"jsonData": [1] * n}, True),
    ]


@pytest.mark.parametrize("at", range(len(of_instances(1))))
def test_a_payload_has_as_many_instances_as_are_allowed(at: int) -> None:
    """One more is refused, in every form, and the setting is named: three bytes would be a prediction each."""
    body, is_answer = of_instances(2)[at]
    assert len(answers_of(body, MODEL_OF_FEW).predictions if is_answer else instances_of(body, FEW)) == 2
    body, is_answer = of_instances(3)[at]
    with pytest.raises(EventRefused, match=r"3 instances, more than .*max_instances \(2\)") as caught:
        _ = answers_of(body, MODEL_OF_FEW) if is_answer else instances_of(body, FEW)
    assert caught.value.reason == "illegal_payload"


def half(kind: Any, body: dict[str, Any]) -> PayloadDocument:
    group = PayloadGroup(kind=kind, request_id="r", body=body)
    return PayloadDocument(timestamp=NOW, model=ModelGroup(name="m"), payload=group)


def arrival() -> Arrival:
    return Arrival(Rules(IndexNames("driftlog")), now=NOW, source="payloads", batch=lambda: "")


def test_feedback_has_as_many_truths_as_are_allowed() -> None:
    """Each would be a document."""
    two, three = ({"truth": {"data": {"ndarray": [1] * n}}} for n in (2, 3))
    assert len(feedback(half("feedback", two), MODEL_OF_FEW, arrival())) == 2
    with pytest.raises(EventRefused, match="truth has 3 instances"):
        feedback(half("feedback", three), MODEL_OF_FEW, arrival())


def test_a_long_text_is_not_repeated_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The version of a V2 answer is in each of its predictions."""
    monkeypatch.setattr("driftlog.worker.pairing_events.MAX_EVENTS_BYTES", 20_000)
    request, version = half("request", {"instances": [1, 2]}), "7" * 200
    answer = {"outputs": [tensor("p", [2], [1, 0])], "model_version": version}
    assert len(paired(request, half("response", answer), MODEL_OF_FEW, arrival())) == 2
    with pytest.raises(EventRefused, match="the events of this payload take more"):
        paired(request, half("response", answer | {"model_version": version * 60}), MODEL_OF_FEW, arrival())


KEYS = st.sampled_from(
    ["instances", "inputs", "data", "ndarray", "tensor", "names", "shape", "values", "name", "jsonData", "strData"]
) | st.sampled_from(
    ["predictions", "outputs", "status", "error", "label", "score", "probabilities", "parameters", "code", "value"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, JSON, max_size=4), st.sampled_from([BINARY, NAMED, MANY, VALUE, scored(output="label")]))
def test_any_payload_is_read_or_refused(body: dict[str, Any], model: ModelSettings) -> None:
    """A payload of any form raises nothing but the refusal: one bad half must not stop the others."""
    for read in (lambda: instances_of(body, model.payloads), lambda: answers_of(body, model)):
        try:
            read()
        except EventRefused as error:
            assert error.reason in ("illegal_payload", "missing_feature_names")
