"""Predictions read from the payloads of a serving platform."""

from __future__ import annotations

from typing import Final

_PAYLOADS: Final = "models.<name>.payloads"

PAYLOADS: Final[dict[str, str]] = {
    f"{_PAYLOADS}.feature_names": "Seldon, KServe: names of the columns, in order, where payloads have none.",
    f"{_PAYLOADS}.leave_out": "Features of a payload that are not kept.",
    f"{_PAYLOADS}.answer": "What a plain answer is: label, score, probabilities or value; auto tells by its form.",
    f"{_PAYLOADS}.classes": "Classes in the order of their probabilities; none: as the payload names them.",
    f"{_PAYLOADS}.output": "Output (V2), or key of an answer, that holds the answer; none: the first.",
    f"{_PAYLOADS}.probabilities": "The one that holds probabilities beside it; none: predict_proba, where it is there.",
    f"{_PAYLOADS}.pair_timeout": "A request without response after so long is a failed prediction.",
    f"{_PAYLOADS}.max_instances": "A payload of more instances is refused.",
}
