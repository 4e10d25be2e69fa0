"""The recipes of docs/recipes run as they stand: a real app, the real spool, a real intake, and Elasticsearch."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conformance.intake.conftest import intake as intake

pytestmark = pytest.mark.elasticsearch

FOLDER = Path(__file__).parents[3] / "docs" / "recipes"
RECIPES = sorted(FOLDER.glob("*.py"))
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
HEADERS = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


class Recipe:
    """One recipe, loaded with the address of the intake, and what becomes of its events."""

    def __init__(self, name: str, store: Any) -> None:
        specification = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
        assert specification is not None
        assert specification.loader is not None
        self.module: ModuleType = importlib.util.module_from_spec(specification)
        sys.modules[name] = self.module
        specification.loader.exec_module(self.module)
        self.store = store
        self.good = {"tenure": 40.0, "marker": float(RECIPES.index(FOLDER / f"{name}.py"))}
        self.bad = {"marker": self.good["marker"]}

    def stored(self) -> list[dict[str, Any]]:
        """Its events, successes first."""
        assert self.module.log.flush(30)
        pattern = self.store.names.all_predictions("churn")
        self.store.refresh(pattern)
        found = [hit["_source"] for hit in self.store.scan(pattern)]
        own = [each for each in found if each["features"]["marker"] == self.good["marker"]]
        return sorted(own, key=lambda event: event["event"]["outcome"], reverse=True)

    def check(self, route: str | None) -> None:
        """One prediction with features, answer and time; one failure with the error and its features."""
        good, bad = self.stored()
        assert (good["features"], good["prediction"]["score"]) == (self.good, 0.25)
        assert good["model"] == {"name": "churn", "version": "1.4"}
        assert good["event"]["duration"] > 0
        assert (bad["features"], bad["error"]["type"]) == (self.bad, "KeyError")
        assert "tenure" in bad["error"]["message"]
        assert bad["event"]["duration"] > 0
        assert "prediction" not in bad
        if route:
            assert good["labels"]["http_route"] == bad["labels"]["http_route"] == route
            assert good["trace"] == {"id": TRACE}


@pytest.fixture
def recipe(
    request: pytest.FixtureRequest, intake: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Recipe]:
    monkeypatch.setenv("DRIFTLOG_URL", f"http://127.0.0.1:{intake.http_port}")
    monkeypatch.setenv("DRIFTLOG_SPOOL", str(tmp_path / "spool"))
    loaded = Recipe(request.param, intake.store)
    yield loaded
    loaded.module.log.close()
    sys.modules.pop(request.param)


@pytest.mark.parametrize("recipe", ["fastapi_app"], indirect=True)
def test_fastapi(recipe: Recipe) -> None:
    """Requests of a real client; the truth is logged on the id of the prediction."""
    import httpx

    async def ask() -> str:
        transport = httpx.ASGITransport(recipe.module.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            answer = await client.post("/predict", json=recipe.good, headers=HEADERS)
            assert (await client.post("/predict", json=recipe.bad)).status_code == 500
            id = str(answer.json()["id"])
            assert (await client.post(f"/truth/{id}", params={"churned": True})).status_code == 200
            return id

    id = asyncio.run(ask())
    recipe.check("/predict")
    assert truths(recipe)[id] == "1"


def truths(recipe: Recipe) -> dict[str, str]:
    """Actual label by prediction id."""
    pattern = recipe.store.names.every("feedback")
    recipe.store.refresh(pattern)
    found = [hit["_source"]["feedback"] for hit in recipe.store.scan(pattern)]
    return {each["prediction_id"]: each["actual"] for each in found}


@pytest.mark.parametrize("recipe", ["flask_app"], indirect=True)
def test_flask(recipe: Recipe) -> None:
    """Likewise over Flask's."""
    client = recipe.module.app.test_client()
    answer = client.post("/predict", json=recipe.good, headers=HEADERS)
    assert client.post("/predict", json=recipe.bad).status_code == 500
    assert client.post(f"/truth/{answer.json['id']}", json={"churned": False}).status_code == 200
    recipe.check("/predict")
    assert truths(recipe)[answer.json["id"]] == "0"


@pytest.mark.parametrize("recipe", ["django_app"], indirect=True)
def test_django(recipe: Recipe) -> None:
    """Through the middleware, in one file."""
    from django.test import Client

    client = Client(raise_request_exception=False, SERVER_NAME="localhost")
    answer = client.post("/predict", json.dumps(recipe.good), content_type="application/json", headers=HEADERS)
    assert answer.status_code == 200
    assert client.post("/predict", json.dumps(recipe.bad), content_type="application/json").status_code == 500
    recipe.check("/predict")


@pytest.mark.parametrize("recipe", ["grpc_server"], indirect=True)
def test_grpc(recipe: Recipe) -> None:
    """A real server and a real channel; the client sees the error as before."""
    import grpc

    server, port = recipe.module.serve("127.0.0.1:0")
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = channel.unary_unary("/Churn/Predict", lambda value: json.dumps(value).encode(), json.loads)
            assert call(recipe.good, timeout=30) == {"score": 0.25}
            with pytest.raises(grpc.RpcError):
                call(recipe.bad, timeout=30)
    finally:
        server.stop(5).wait(30)
    recipe.check(None)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_is_short_and_uses_what_there_is(path: Path) -> None:
    """Under 40 lines, named in the page; every name taken from driftlog exists."""
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) < 40
    taken = {}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("driftlog"):
            module = importlib.import_module(node.module or "")
            taken |= {alias.name: getattr(module, alias.name) for alias in node.names}
    assert "PredictionLogger" in taken
    page = (FOLDER.parent / "recipes.md").read_text(encoding="utf-8")
    assert f"recipes/{path.name}" in page


def test_bentoml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The decorator keeps what ``bentoml.api`` reads of a method: the names and types of its arguments."""
    import inspect

    from driftlog.shipping import PredictionLogger, monitor

    with PredictionLogger("churn", spool=tmp_path, resources_s=None) as log:

        class Churn:
            @monitor(log, features="features")
            def predict(self, features: dict[str, float]) -> dict[str, float]:
                return {"score": min(1.0, 10 / features["tenure"])}

        signature = inspect.signature(Churn.predict)
        assert list(signature.parameters) == ["self", "features"]
        assert Churn().predict(features={"tenure": 40.0}) == {"score": 0.25}
        assert log.stats()["logged"] == 1
