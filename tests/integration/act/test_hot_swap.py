"""The serving app of docs/versions.md, as it stands there: it follows promotions and rollbacks."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from werkzeug.serving import make_server

from driftlog.act.deploy.deployer import build_deployer
from driftlog.act.versions.embedded import EmbeddedRegistry
from driftlog.act.versions.moves import promote, rollback
from driftlog.contract.errors import ActionFailed
from driftlog.contract.maintaining import MaintainSettings, PromotionSettings
from driftlog.contract.maintenance import ModelVersion

START = datetime(2026, 7, 1, tzinfo=UTC)
PAGE = Path(__file__).parents[3] / "docs" / "versions.md"


@pytest.fixture
def registry(tmp_path) -> EmbeddedRegistry:
    """Three versions; the third cannot be loaded."""
    made = EmbeddedRegistry(tmp_path / "versions")
    for number, content in enumerate(('{"weight": 1}', '{"weight": 2}', "{broken")):
        files = tmp_path / f"v{number + 1}"
        files.mkdir()
        (files / "model.json").write_text(content)
        version = ModelVersion(model="churn", version=files.name, status="candidate", created=START)
        made.register(version, str(files))
    return made


@pytest.fixture
def app(registry, monkeypatch):
    """What the page has, and nothing else."""
    monkeypatch.setenv("CHURN_VERSIONS", str(registry.folder / "churn"))
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if "Flask" in block)
    names: dict = {"__name__": "serve"}
    exec(compile(code, "serve.py", "exec"), names)
    return names["app"]


@pytest.fixture
def url(app) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def answer(app) -> tuple[str, float]:
    told = app.test_client().post("/predict", json={"amount": 10}).json
    return told["version"], told["score"]


def test_the_app_follows_the_alias(app, registry):
    """Without a hook: version and model change together, forth and back."""
    deployer = build_deployer(MaintainSettings())
    for day, version in enumerate(("v1", "v2")):
        promote(registry, deployer, registry.get("churn", version), at=START + timedelta(days=day))
        assert answer(app) == (version, 10.0 * (day + 1))
    rollback(registry, deployer, "churn", at=START + timedelta(days=3))
    assert answer(app) == ("v1", 10)


def test_a_version_that_cannot_be_loaded_is_not_promoted(app, registry, url):
    """The hook answers 422, the registry stays as it was, the app goes on with what it has."""
    deployer = build_deployer(MaintainSettings(promotion=PromotionSettings(url=f"{url}/model")), environ={})
    promote(registry, deployer, registry.get("churn", "v2"), at=START)
    assert answer(app) == ("v2", 20)
    with pytest.raises(ActionFailed, match="422"):
        promote(registry, deployer, registry.get("churn", "v3"), at=START + timedelta(days=1))
    assert registry.champion("churn").version == "v2"
    assert answer(app) == ("v2", 20)
    told = app.test_client().post("/model", json={"version": "../../etc"})
    assert (told.status_code, json.loads(told.data)["error"]) == (422, "KeyError: '../../etc'")


def test_predictions_meanwhile_are_all_of_one_version(app, registry):
    """Forty swaps under load: the score always belongs to the version that is named."""
    deployer = build_deployer(MaintainSettings())
    promote(registry, deployer, registry.get("churn", "v1"), at=START)
    stop, wrong, seen = threading.Event(), [], set()

    def ask() -> None:
        while not stop.is_set():
            version, score = answer(app)
            seen.add(version)
            if score != {"v1": 10, "v2": 20}[version]:
                wrong.append((version, score))

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(40):
        name = ("v2", "v1")[number % 2]
        promote(registry, deployer, registry.get("churn", name), at=START + timedelta(hours=number + 1))
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert answer(app)[0] == "v1"
