"""Requests as the loggers of Seldon Core and KServe send them, to a real intake, and on to predictions."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.elasticsearch

CONFIGURATION = """
prefix: {prefix}
elasticsearch: {{urls: ["{url}"]}}
worker: {{lease: 3s}}
models:
  iris:
    task: multiclass
    environment: test
    payloads: {{feature_names: [sepal, petal], classes: [setosa, virginica]}}
"""


def kserve(kind: str, id: str = "5f1c") -> dict[str, str]:
    """Headers as KServe's agent writes them."""
    return {
        "Content_Type": "application/json",
        "Ce_Specversion": "1.0",
        "Ce_Id": id,
        "Ce_Type": f"org.kubeflow.serving.inference.{kind}",
        "Ce_Source": "http://localhost:9081/",
        "Ce_Time": datetime.now(UTC).isoformat().replace("+00:00", "123Z"),
        "Ce_Inferenceservicename": "iris",
        "Ce_Namespace": "default",
        "Ce_Component": "predictor",
        "Ce_Endpoint": "",
        "Ce_Metadata": "{}",
    }


def test_a_logged_call_becomes_a_prediction(make_intake: Any, helpers: Any, tmp_path: Path) -> None:
    """Intake and worker as processes of their own; nothing but the two requests is sent."""
    intake = make_intake().start()
    configuration = tmp_path / "driftlog.yml"
    configuration.write_text(CONFIGURATION.format(prefix=intake.prefix, url=intake.url), encoding="utf-8")
    command = [sys.executable, "-m", "driftlog", "--config", str(configuration), "worker"]
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"HOME": str(tmp_path)})
        try:
            request, response = kserve("request"), kserve("response")
            assert intake.post(b'{"predictions": [[0.25, 0.75]]}', **response)[1]["stored"] == 1
            assert intake.post(b'{"instances": [[5.1, 1.4]]}', **request)[1]["stored"] == 1
            helpers.wait_for(lambda: helpers.ids() == ["5f1c"], timeout_s=120)
        finally:
            worker.terminate()
            worker.wait(60)
    (hit,) = helpers.store.scan(helpers.store.names.all_predictions("iris"))
    assert hit["_source"]["features"] == {"sepal": 5.1, "petal": 1.4}
    assert hit["_source"]["prediction"]["label"] == "virginica"


def test_a_logger_gives_its_password_in_the_url(make_intake: Any, helpers: Any) -> None:
    """https://user:password@host/cloudevents: Go's client sends it as Basic; without it nothing is stored."""
    intake = make_intake(username="seldon", password="s3cret").start()
    basic = "Basic " + base64.b64encode(b"seldon:s3cret").decode()
    body = b'{"instances": [[1, 2]]}'

    assert intake.post(body, **kserve("request"))[0] == 401
    assert intake.post(body, Authorization=basic, **kserve("request"))[0] == 200
    helpers.store.refresh(helpers.store.names.every("payloads"))
    assert helpers.store.count(helpers.store.names.every("payloads")) == 1


def test_only_registered_models_are_kept(make_intake: Any, helpers: Any) -> None:
    """A deployment that nobody has registered goes to quarantine, under its own request id."""
    intake = make_intake(auto_register=False).start()
    assert intake.post(b'{"instances": [[1, 2]]}', **kserve("request"))[1] == {
        "stored": 0,
        "duplicates": 0,
        "quarantined": 1,
    }
    (quarantined,) = helpers.quarantined()
    assert quarantined["reason"] == "unknown_model"
    assert json.loads(quarantined["raw"]) == {"instances": [[1, 2]]}
