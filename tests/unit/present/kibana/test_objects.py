"""Saved objects for Kibana: importable, complete, the same each time, and checked by checks that find errors."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.present.kibana.check import problems
from tests.unit.present.kibana.mapped import fields_of

from driftlog.cli.app import app
from driftlog.cli.reference import walk
from driftlog.contract.errors import NameRefused
from driftlog.present.kibana.control import OFFERED, controls_of
from driftlog.present.kibana.lens import Lens
from driftlog.present.kibana.links import Links
from driftlog.present.kibana.objects import DASHBOARDS, saved_objects, to_ndjson
from driftlog.present.kibana.views import VIEWS
from driftlog.present.kibana.write import files, write

ROOT = Path(__file__).parents[4]
Saved = list[dict[str, Any]]


@pytest.mark.parametrize("prefix", ["driftlog", "driftlog-demo", "acme_ml"])
def test_nothing_is_wrong_with_the_objects_of_any_prefix(prefix: str) -> None:
    """All checks that can be made without a Kibana."""
    assert problems(saved_objects(prefix), prefix) == []


def test_installations_with_different_prefixes_share_a_space() -> None:
    """No id is in both."""
    mine, yours = ({one["id"] for one in saved_objects(prefix)} for prefix in ("driftlog", "driftlog-demo"))
    assert mine & yours == set()


def test_a_prefix_that_cannot_start_index_names_is_refused() -> None:
    """Before it reaches an id."""
    with pytest.raises(NameRefused):
        saved_objects("../x")


def test_objects_are_the_same_each_time() -> None:
    """To the byte, each object after those it points to except other dashboards."""
    first, again = to_ndjson(saved_objects()), to_ndjson(saved_objects())
    assert first == again
    seen: set[str] = set()
    for one in saved_objects():
        assert {pointer["id"] for pointer in one["references"] if pointer["type"] != "dashboard"} <= seen
        seen.add(one["id"])


def test_the_committed_files_are_what_the_code_makes(tmp_path: Path) -> None:
    """Regenerate: ``python -m driftlog.present.kibana.write kibana/``."""
    write(tmp_path)
    for name in files():
        assert (tmp_path / name).read_text(encoding="utf-8") == (ROOT / "kibana" / name).read_text(encoding="utf-8")


def test_every_line_is_one_object() -> None:
    """As Kibana's import reads them."""
    lines = to_ndjson(saved_objects()).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [one["id"] for one in saved_objects()]


def test_every_dashboard_leads_to_all_others() -> None:
    """By the links at its top."""
    names = {dashboard.name for dashboard in DASHBOARDS}
    for dashboard in DASHBOARDS:
        links = dashboard.rows[0].panels[0].content
        assert isinstance(links, Links)
        assert {name for name, _ in links.targets} == names


def test_every_panel_says_what_to_do() -> None:
    """Its description has a second sentence or a remedy; one word is none."""
    for dashboard in DASHBOARDS:
        for row in dashboard.rows:
            for panel in row.panels:
                if isinstance(panel.content, Lens):
                    assert len(panel.content.description.split()) >= 4, (dashboard.name, panel.name)


def test_every_command_that_a_text_names_exists() -> None:
    """So that nobody is sent to a command that is gone."""
    text = to_ndjson(saved_objects())
    named = set(re.findall(r"`driftlog ([a-z-]+(?: [a-z-]+)?)", text))
    known = {" ".join(path[1:]) for path, _ in walk(app)}
    assert len(named) > 5
    assert {name for name in named if name not in known and name.split()[0] not in known} == set()
    groups = {name.split()[0] for name in known if " " in name}
    assert {name for name in named if name.split()[0] in groups and name not in known} == set()


def test_texts_have_no_gaps() -> None:
    """No two spaces in titles and descriptions, no sentence without an end."""
    for dashboard in DASHBOARDS:
        contents = [panel.content for row in dashboard.rows for panel in row.panels]
        for text in (dashboard.description, *(content.description for content in contents if content.title)):
            assert "  " not in text and text.endswith((".", "?")), text


def test_a_dimension_of_a_view_is_mapped_in_its_indices() -> None:
    """A control could otherwise offer nothing."""
    for view in VIEWS:
        fields = fields_of(view.pattern("driftlog"), "driftlog")
        assert set(view.dimensions) <= set(fields), view.name


def test_controls_are_those_that_all_panels_obey() -> None:
    """Model, version and environment where all documents have them; segment where only results and alerts are."""
    offered = {dashboard.name: [control.title for control in controls_of(dashboard.views)] for dashboard in DASHBOARDS}
    everywhere = ["Model", "Environment", "Version", "Variant"]
    assert offered["overview"] == offered["drift"] == offered["operations"] == offered["feedback"] == everywhere
    assert offered["model"] == offered["alerts"] == [*everywhere, "Segment"]
    assert offered["audit"] == ["Model", "Environment"]
    assert offered["pipeline"] == ["Model"]
    assert offered["resources"] == ["Environment", "Service", "Host"]
    assert controls_of([]) == ()


def test_a_control_offers_the_values_of_the_view_that_knows_most() -> None:
    """Models come from predictions, not from alerts, which few models have."""
    views = {dashboard.name: {control.view for control in controls_of(dashboard.views)} for dashboard in DASHBOARDS}
    assert views["overview"] == views["operations"] == views["drift"] == views["feedback"] == {"predictions"}
    assert views["model"] == {"results"}
    assert views["pipeline"] == {"runs"}


def test_a_field_is_offered_once() -> None:
    """Under one title."""
    assert len({field for field, _ in OFFERED}) == len(OFFERED)


# The checks find each error: one change to correct objects, one sentence.

Change = Callable[[Saved], None]
WHOLE = {"driftlog-kibana-dashboard-overview", "driftlog-kibana-dashboard-model"}
"""Dashboards that are changed; the others are there without their panels, which saves time."""


def _without_panels(one: dict[str, Any]) -> dict[str, Any]:
    bare = {key: value for key, value in one["attributes"].items() if key != "controlGroupInput"}
    return one | {"attributes": bare | {"panelsJSON": "[]"}, "references": []}


CORRECT = json.dumps(
    [one if one["type"] != "dashboard" or one["id"] in WHOLE else _without_panels(one) for one in saved_objects()]
)


def _first(saved: Saved, type_: str) -> dict[str, Any]:
    return next(one for one in saved if one["type"] == type_)


def _dashboard(change: Callable[[list[dict[str, Any]], dict[str, Any]], None]) -> Change:
    """Changes the panels (and the object) of the model dashboard."""

    def apply(saved: Saved) -> None:
        one = next(one for one in saved if one["id"] == "driftlog-kibana-dashboard-model")
        panels = json.loads(one["attributes"]["panelsJSON"])
        change(panels, one)
        one["attributes"]["panelsJSON"] = json.dumps(panels)

    return apply


def _panel(name: str, change: Callable[[dict[str, Any]], None]) -> Change:
    return _dashboard(lambda panels, _: change(next(one for one in panels if one["panelIndex"] == name)))


def _lens(change: Callable[[dict[str, Any]], None], name: str = "roc-auc") -> Change:
    return _panel(name, lambda panel: change(panel["embeddableConfig"]["attributes"]))


def _layer(change: Callable[[dict[str, Any]], None]) -> Change:
    return _lens(lambda lens: change(lens["state"]["datasourceStates"]["formBased"]["layers"]["data"]))


def _column(id: str, **changed: Any) -> Change:
    return _layer(lambda layer: layer["columns"][id].update(changed))


def _params(id: str, **changed: Any) -> Change:
    return _layer(lambda layer: layer["columns"][id]["params"].update(changed))


def _set(key: str, value: Any, type_: str = "dashboard") -> Change:
    return lambda saved: _first(saved, type_).update({key: value})


def _attribute(key: str, value: Any, type_: str = "dashboard") -> Change:
    return lambda saved: _first(saved, type_)["attributes"].update({key: value})


def _kql(text: str) -> Change:
    return _lens(lambda lens: lens["state"]["query"].update({"query": text}))


def _drawn(change: Callable[[dict[str, Any]], None]) -> Change:
    return _lens(lambda lens: change(lens["state"]["visualization"]))


def _search_source(**changed: Any) -> Change:
    def apply(saved: Saved) -> None:
        meta = _first(saved, "search")["attributes"]["kibanaSavedObjectMeta"]
        meta["searchSourceJSON"] = json.dumps(json.loads(meta["searchSourceJSON"]) | changed)

    return apply


def _control(change: Callable[[dict[str, Any]], None]) -> Change:
    def apply(saved: Saved) -> None:
        group = _first(saved, "dashboard")["attributes"]["controlGroupInput"]
        panels = json.loads(group["panelsJSON"])
        change(panels)
        group["panelsJSON"] = json.dumps(panels)

    return apply


def _without_reference(part: str) -> Change:
    def apply(saved: Saved) -> None:
        for one in saved:
            if one["type"] in {"dashboard", "search"}:
                one["references"] = [pointer for pointer in one["references"] if part not in pointer["name"]]

    return apply


ERRORS: dict[str, tuple[Change, str]] = {
    "an id twice": (lambda saved: saved.append(saved[0]), "is there 2 times"),
    "another version": (_set("typeMigrationVersion", "10.3.0"), "typeMigrationVersion 10.3.0"),
    "no version": (lambda saved: saved[0].pop("typeMigrationVersion") and None, "typeMigrationVersion None"),
    "another core version": (_set("coreMigrationVersion", "9.4.0"), "coreMigrationVersion 9.4.0"),
    "managed left out": (lambda saved: saved[0].pop("managed") and None, "managed and references"),
    "an id of another prefix": (_set("id", "other-x"), "does not begin with the prefix"),
    "broken JSON": (_attribute("optionsJSON", "{"), "optionsJSON is no JSON"),
    "JSON that is no string": (_attribute("panelsJSON", []), "panelsJSON is no JSON"),
    "a view that is gone": (
        lambda saved: saved.remove(next(one for one in saved if one["id"].endswith("view-results"))),
        "which is not there",
    ),
    "a reference twice": (
        lambda saved: _first(saved, "dashboard")["references"].append(_first(saved, "dashboard")["references"][0]),
        "two references are called",
    ),
    "a reference of no use": (
        lambda saved: _first(saved, "dashboard")["references"].append(
            {"type": "tag", "id": "driftlog-kibana-tag-installation", "name": "old"}
        ),
        "reference old is of no use",
    ),
    "a panel's reference left out": (_without_reference("roc-auc:indexpattern"), "no reference roc-auc:"),
    "a link's reference left out": (_without_reference("link_to-drift"), "no reference links:link_to-drift"),
    "a drilldown's reference left out": (_without_reference("roc-auc:drilldown"), "no reference roc-auc:drilldown"),
    "a control's reference left out": (_without_reference("controlGroup_by-segment"), "has no data view"),
    "a search's reference left out": (_without_reference("searchSourceJSON.index"), "leads to no data view"),
    "another view inside the panel": (
        _lens(lambda lens: lens["references"][0].update(id="driftlog-kibana-view-alerts")),
        "lead to different data views",
    ),
    "a layer without reference": (
        _lens(lambda lens: lens["references"].pop() and None),
        "layers and references differ",
    ),
    "another index in gridData": (_panel("roc-auc", lambda panel: panel["gridData"].update(i="x")), "gridData.i x"),
    "panels that overlap": (_panel("roc-auc", lambda panel: panel["gridData"].update(w=30)), "panels overlap"),
    "a gap in a row": (_panel("roc-auc", lambda panel: panel["gridData"].update(w=20)), "do not fill their rows"),
    "a panel twice": (_dashboard(lambda panels, _: panels.append(copy.deepcopy(panels[3]))), "two panels"),
    "a panel of 9.4": (_panel("roc-auc", lambda panel: panel.update(type="vis")), "type vis"),
    "a panel without version": (_panel("roc-auc", lambda panel: panel.pop("version") and None), "version None"),
    "Lens of 9.4": (_lens(lambda lens: lens.update(version=2)), "a shape of Kibana 9.4"),
    "pinned panels": (_attribute("pinned_panels", []), "a shape of Kibana 9.4"),
    "no description of a dashboard": (_attribute("description", ""), "no description"),
    "no description of a search": (_attribute("description", "", "search"), "no description"),
    "no description of a panel": (
        _panel("roc-auc", lambda panel: panel["embeddableConfig"].pop("description") and None),
        "no title or no description",
    ),
    "a time range left out": (_attribute("timeFrom", ""), "timeRestore without a time range"),
    "a field that is not there": (_column("data-2", sourceField="valeu"), "valeu is not in the index templates"),
    "a mean of words": (_column("data-2", sourceField="verdict"), "average of verdict"),
    "time of a number": (_column("data-1", sourceField="value", dataType="number"), "date_histogram of value"),
    "groups of free text": (_column("data-0", sourceField="note"), "which is text"),
    "another type": (_column("data-0", dataType="number"), "dataType number of segment"),
    "an unknown operation": (_column("data-2", operationType="formula"), "operation formula"),
    "grouping denied": (_column("data-0", isBucketed=False), "with isBucketed False"),
    "a parameter left out": (
        _layer(lambda layer: layer["columns"]["data-0"]["params"].pop("size") and None),
        "terms without ['size']",
    ),
    "no interval": (
        _layer(lambda layer: layer["columns"]["data-1"]["params"].pop("interval") and None),
        "date_histogram without ['interval']",
    ),
    "an order by nothing": (
        _params("data-0", orderBy={"type": "column", "columnId": "x"}),
        "ordered by a column that cannot order: x",
    ),
    "an order by a group": (
        _params("data-0", orderBy={"type": "column", "columnId": "data-1"}),
        "ordered by a column that cannot order",
    ),
    "an order of no kind": (_params("data-0", orderBy={"type": "best"}), "orderBy"),
    "a second field that is not there": (_params("data-0", secondaryFields=["x"]), "groups by x"),
    "several fields as one": (_params("data-0", parentFormat={"id": "terms"}), "need the format multi_terms"),
    "missing values without others": (_params("data-0", missingBucket=True), "only beside the others"),
    "columnOrder": (_layer(lambda layer: layer["columnOrder"].pop() and None), "columnOrder and columns differ"),
    "groups last": (_layer(lambda layer: layer["columnOrder"].reverse()), "columns that group come first"),
    "a column not drawn": (
        _drawn(lambda drawn: drawn["layers"][0].update(accessors=[])),
        "drawn columns and columns differ",
    ),
    "a column drawn that is not there": (
        _drawn(lambda drawn: drawn["layers"][0]["accessors"].append("data-9")),
        "drawn columns and columns differ",
    ),
    "a layer not drawn": (_drawn(lambda drawn: drawn["layers"].pop() and None), "drawn layers and layers differ"),
    "a line for no column": (
        _drawn(lambda drawn: drawn["layers"][1]["yConfig"].append({"forAccessor": "x"})),
        "yConfig names columns",
    ),
    "an unknown series": (_drawn(lambda drawn: drawn["layers"][0].update(seriesType="spline")), "series spline"),
    "an unknown drawing": (_lens(lambda lens: lens.update(visualizationType="lnsPie3D")), "unknown drawing"),
    "a palette of no column": (
        _lens(lambda lens: lens["state"]["visualization"]["palette"].update(accessor="x"), "verdicts"),
        "palette of a column",
    ),
    "no KQL": (_kql("purpose : "), "no KQL"),
    "KQL of no field": (_kql("purpos : x"), "asks for purpos"),
    "KQL that compares words": (_kql("metric > 3"), "KQL compares metric"),
    "KQL that matches a number with a word": (_kql("value : high"), "matches the number value"),
    "KQL in a column": (_column("data-2", filter={"query": "x : 1", "language": "kuery"}), "asks for x"),
    "a count of a field": (_column("data-2", operationType="count", params={"emptyAsNull": True}), "count counts"),
    "a last value by no date": (
        _column("data-2", operationType="last_value", params={"sortField": "value", "showArrayValues": False}),
        "which is no date",
    ),
    "a static value with a field": (
        _column("data-2", operationType="static_value", params={"value": "1"}),
        "a static value has no field",
    ),
    "a drilldown on another trigger": (
        _panel(
            "roc-auc",
            lambda panel: panel["embeddableConfig"]["enhancements"]["dynamicActions"]["events"][0].update(
                triggers=["X"]
            ),
        ),
        "drilldown DASHBOARD_TO_DASHBOARD_DRILLDOWN on ['X']",
    ),
    "a link to elsewhere": (
        _panel("links", lambda panel: panel["embeddableConfig"]["attributes"]["links"][0].update(type="externalLink")),
        "link of type externalLink",
    ),
    "a column of a search": (_attribute("columns", ["x"], "search"), "column x is not there"),
    "a sort that cannot be": (
        _attribute("sort", [["error.message", "desc"]], "search"),
        "cannot sort by error.message",
    ),
    "a search's query": (_search_source(query={"query": "x : 1", "language": "kuery"}), "asks for x"),
    "a control of another type": (
        _control(lambda panels: panels["by-model-name"].update(type="list")),
        "has another type or id",
    ),
    "a control of no field": (
        _control(lambda panels: panels["by-model-name"]["explicitInput"].update(fieldName="x")),
        "has no data view with x",
    ),
    "a control over numbers": (
        _control(lambda panels: panels["by-model-name"]["explicitInput"].update(fieldName="event.duration")),
        "cannot list event.duration",
    ),
    "controls without order": (_control(lambda panels: panels["by-model-name"].update(order=7)), "are not numbered"),
    "a control that empties panels": (
        lambda saved: _control(
            lambda panels: panels["by-model-name"]["explicitInput"].update(fieldName="alert.status")
        )(saved),
        "empties the panels over driftlog-kibana-view-predictions",
    ),
    "a view of no index": (_attribute("title", "logs-*", "index-pattern"), "no index template makes logs-*"),
    "a time field that is none": (
        _attribute("timeFieldName", "model.name", "index-pattern"),
        "model.name is no date",
    ),
    "a format of no field": (
        _attribute("fieldFormatMap", '{"x": {"id": "bytes", "params": {}}}', "index-pattern"),
        "format of x",
    ),
}


def test_what_is_changed_was_correct() -> None:
    """So that each error below is the one that was made."""
    assert problems(json.loads(CORRECT), "driftlog") == []


@pytest.mark.parametrize("error", sorted(ERRORS))
def test_the_checks_find(error: str) -> None:
    """Each error in otherwise correct objects."""
    change, sentence = ERRORS[error]
    saved: Saved = json.loads(CORRECT)
    change(saved)
    found = problems(saved, "driftlog")
    assert [line for line in found if sentence in line], found[:5]
