"""The samples for Seldon Core and KServe: the logger is where the platforms read it, and driftlog.yml fits them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from driftlog.config.load import load_settings
from driftlog.contract.names import check_model_name
from driftlog.intake.cloud_events import PATH

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "seldon"
LOGGERS = {
    "seldon-deployment.yaml": ("SeldonDeployment", ("spec", "predictors", 0, "graph", "logger")),
    "inference-service.yaml": ("InferenceService", ("spec", "predictor", "logger")),
}


@pytest.mark.parametrize("name", LOGGERS)
def test_the_logger_sends_both_halves_to_the_intake(name: str) -> None:
    """Its URL is one the intake takes, the other that the file names is Logstash's, and the name is a model's."""
    kind, path = LOGGERS[name]
    text = (FOLDER / name).read_text(encoding="utf-8")
    found = yaml.safe_load(text)
    assert found["kind"] == kind
    check_model_name(found["metadata"]["name"])
    for part in path:
        found = found[part]
    assert found["mode"] == "all"
    urls = [found["url"], *re.findall(r"# +(https?://\S+)", text)]
    assert {re.search(r":(\d+)/", url)[1] for url in urls} == {"9280", "9282"}  # type: ignore[index]
    assert all(PATH.match("/" + url.split("/", 3)[3]) for url in urls)
    for port, place in (("9280", "docs/configuration.md"), ("9282", "logstash/inputs/tls/cloud-events.conf")):
        assert port in (ROOT / place).read_text(encoding="utf-8")


def test_the_settings_fit() -> None:
    """They load, and are of the model that both samples deploy."""
    settings = load_settings(FOLDER / "driftlog.yml", environ={})
    (model,) = settings.models
    names = {yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))["metadata"]["name"] for name in LOGGERS}
    assert names == {model.name}
    assert len(model.payloads.feature_names) == 4


def test_the_page_counts_the_cases() -> None:
    """And names the types that are read."""
    page = (ROOT / "docs" / "seldon.md").read_text(encoding="utf-8")
    cases = json.loads((ROOT / "tests/conformance/intake/cloud_events.json").read_text(encoding="utf-8"))
    assert f"cloud_events.json`, {len(cases)} of them" in page
