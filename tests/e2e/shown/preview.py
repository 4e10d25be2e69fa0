"""Pictures of Kibana's dashboards, filled with stored data.

``python -m tests.e2e.shown.preview URL PREFIX MODEL FOLDER``

No screenshots: the panels stand where Kibana puts them and show what their own searches answer, drawn in few strokes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from tests.e2e.shown.lens_query import question, values

from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.present.kibana.objects import saved_objects
from driftlog.present.kibana.views import BY_NAME, MODEL
from driftlog.store.client import Store

UNIT_X, UNIT_Y, EDGE = 25, 19, 4
SERIES = ["#54b399", "#6092c0", "#d36086", "#9170b8", "#ca8eae", "#d6bf57", "#b9a888", "#da8b45", "#aa6556"]
WORDS = {"": "whole model", "*": "all"}
LEVELS = {0: "ok", 1: "info", 2: "warning", 3: "critical"}
Row = tuple[tuple[str, ...], dict[str, Any]]
Box = tuple[float, float, float, float]
Layers = Mapping[str, tuple[list[Row], Mapping[str, Any]]]


def rows_of(
    aggregations: Mapping[str, Any], metrics: Mapping[str, Any], keys: tuple[str, ...] = (), parent: str = ""
) -> Iterator[Row]:
    """(keys of the groups, value of each metric column), one for each innermost group."""
    nested = [(name, part) for name, part in aggregations.items() if isinstance(part, dict) and "buckets" in part]
    if not nested:
        yield keys, {id: next(values(aggregations, id), None) for id in metrics}
    for name, part in nested:
        id = name.rpartition("_")[0]
        for bucket in part["buckets"]:
            key = str(bucket.get("key_as_string", bucket["key"]))
            joined = (*keys[:-1], f"{_word(keys[-1])} › {_word(key)}") if id == parent else (*keys, key)
            yield from rows_of(bucket, metrics, joined, id)


def _word(key: str) -> str:
    return WORDS.get(key, key)


def colour(palette: Mapping[str, Any] | None, value: float) -> str:
    """The palette's colour of a value."""
    if not palette:
        return "#343741"
    stops = palette["params"]["stops"]
    return str(next((stop["color"] for stop in stops if value < stop["stop"]), stops[-1]["color"]))


def shown(value: Any, column: Mapping[str, Any]) -> str:
    """A value as people read it."""
    if value is None:
        return "–"
    format_ = (column["params"].get("format") or {}).get("id")
    if column["dataType"] == "date" and isinstance(value, int | float):
        return datetime.fromtimestamp(value / 1000, UTC).strftime("%Y-%m-%d %H:%M")
    if isinstance(value, str):
        return WORDS.get(value, value[:19] if column["dataType"] == "date" else value)
    if column.get("sourceField") == "event.duration":
        return f"{value / 1e6:.2f} ms"
    if column.get("sourceField") == "severity":
        return LEVELS.get(int(value), str(value))
    if format_ == "percent":
        return f"{value:.1%}"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.3f}"


class Drawing:
    """SVG of one dashboard."""

    def __init__(self) -> None:
        self.parts: list[str] = []

    def rect(self, x: float, y: float, w: float, h: float, fill: str, more: str = "") -> None:
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{w:.1f}" height="{h:.1f}" fill="{fill}"{more}/>')

    def text(self, x: float, y: float, text: str, *, size: int = 11, fill: str = "#343741", more: str = "") -> None:
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{fill}"{more}>{escape(text)}</text>')

    def path(self, points: list[tuple[float, float]], stroke: str, *, dash: str = "") -> None:
        if len(points) == 1:
            self.rect(points[0][0] - 2, points[0][1] - 2, 4, 4, stroke)
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self.parts.append(f'<polyline points="{line}" fill="none" stroke="{stroke}" stroke-width="1.6"{dashed}/>')

    def svg(self, width: float, height: float) -> str:
        head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}"'
        return f'{head} font-family="Inter, Arial, sans-serif">' + "\n".join(self.parts) + "</svg>\n"


def number(d: Drawing, box: Box, drawn: Mapping[str, Any], layers: Layers) -> None:
    x, y, w, h = box
    rows, columns = layers[drawn["layerId"]]
    found = rows[0][1] if rows else {}
    value, column = found.get(drawn["metricAccessor"]), columns[drawn["metricAccessor"]]
    fill = colour(drawn.get("palette"), value) if isinstance(value, int | float) else "#343741"
    d.text(x + w / 2, y + h / 2 + 8, shown(value, column), size=24, fill=fill, more=' text-anchor="middle"')
    if second := drawn.get("secondaryMetricAccessor"):
        text = f"{columns[second]['label']} {shown(found.get(second), columns[second])}"
        d.text(x + w / 2, y + h - 6, text, size=10, fill="#69707d", more=' text-anchor="middle"')


def cells(d: Drawing, box: Box, drawn: Mapping[str, Any], layers: Layers) -> None:
    x, y, w, h = box
    rows = [row for row in layers[drawn["layerId"]][0] if len(row[0]) == 2]
    across, down = sorted({keys[1] for keys, _ in rows}), list(dict.fromkeys(keys[0] for keys, _ in rows))[:30]
    left = 140
    width, height = (w - left) / max(1, len(across)), (h - 14) / max(1, len(down))
    for keys, found in rows:
        value = found[drawn["valueAccessor"]]
        if keys[0] in down and value is not None:
            place = x + left + across.index(keys[1]) * width, y + down.index(keys[0]) * height
            d.rect(*place, max(1, width - 1), max(1, height - 1), colour(drawn["palette"], value))
    for place, name in enumerate(down):
        d.text(x, y + (place + 0.5) * height + 3, WORDS.get(name, name)[-22:], size=9, fill="#69707d")
    for place in (0, len(across) - 1):
        if across:
            anchor = ' text-anchor="end"' if place else ""
            at = x + left + (place + bool(place)) * width
            d.text(at, y + h, across[place][:16], size=9, fill="#69707d", more=anchor)


def table(d: Drawing, box: Box, drawn: Mapping[str, Any], layers: Layers) -> None:
    x, y, w, h = box
    rows, columns = layers[drawn["layerId"]]
    rows = [row for row in rows if row[0]]
    ids = [one["columnId"] for one in drawn["columns"]]
    grouped = [id for id in ids if columns[id]["isBucketed"]]
    palettes = {one["columnId"]: one.get("palette") for one in drawn["columns"]}
    width = w / len(ids)
    for place, id in enumerate(ids):
        d.text(x + place * width, y + 10, columns[id]["label"][: int(width / 6)], size=10, more=' font-weight="bold"')
    for line, (keys, found) in enumerate(rows[: int((h - 16) / 15)]):
        for place, id in enumerate(ids):
            value = keys[grouped.index(id)] if id in grouped else found[id]
            text = WORDS.get(value, value) if id in grouped else shown(value, columns[id])
            if palettes[id] and isinstance(value, int | float):
                d.rect(x + place * width - 3, y + 15 + 15 * line, width - 2, 14, colour(palettes[id], value))
            d.text(x + place * width, y + 26 + 15 * line, text[: int(width / 5.6)], size=10)


def graph(d: Drawing, box: Box, drawn: Mapping[str, Any], layers: Layers) -> None:
    x, y, w, h = box
    left, bottom = 44, 26
    part = drawn["layers"][0]
    rows, columns = layers[part["layerId"]]
    rows = [row for row in rows if row[0]]
    split, colours = part.get("splitAccessor"), {one["forAccessor"]: one.get("color") for one in part["yConfig"]}
    xs = list(dict.fromkeys(keys[-1] for keys, _ in rows))
    if columns[part["xAccessor"]]["operationType"] == "date_histogram":
        xs = sorted(xs)
    series: dict[str, dict[str, float]] = {}
    for keys, found in rows:
        for id in part["accessors"]:
            name = _word(keys[0]) if split else columns[id]["label"]
            if found[id] is not None:
                series.setdefault(name, {})[keys[-1]] = found[id]
    fixed = {columns[id]["label"]: colours[id] for id in part["accessors"] if colours.get(id) and not split}
    lines = []
    for one in drawn["layers"][1:]:
        answered, named = layers[one["layerId"]]
        found = answered[0][1] if answered else {}
        for style in one["yConfig"]:
            id = style["forAccessor"]
            value = float(named[id]["params"]["value"]) if "value" in named[id]["params"] else found.get(id)
            if value is not None:
                lines.append((value, style["color"]))
    kind = part["seriesType"]
    share = kind == "bar_percentage_stacked"
    stacked = "stacked" in kind
    sums = {key: sum(points.get(key, 0) for points in series.values()) for key in xs}
    each = [value for points in series.values() for value in points.values()]
    tops = [1.0] if share else list(sums.values()) if stacked else each
    high = max([*tops, *(value for value, _ in lines), 1e-9])
    low = 0.0 if "bar" in kind or stacked else min([*tops, *(value for value, _ in lines), high * 0.9])
    low = 0.0 if low > 0 and low < high * 0.5 else low
    step = (w - left) / max(1, len(xs))

    def up(value: float) -> float:
        return y + (h - bottom) * (1 - (value - low) / (high - low or 1))

    for place in range(3):
        value = low + (high - low) * place / 2
        text = f"{value / 1e6:.2g} ms" if "event.duration" in json.dumps(columns) else f"{value:.3g}"
        d.text(x + left - 4, up(value) + 3, text, size=9, fill="#69707d", more=' text-anchor="end"')
        d.path([(x + left, up(value)), (x + w, up(value))], "#e0e5ee")
    base = dict.fromkeys(xs, 0.0)
    for place, (name, points) in enumerate(series.items()):
        paint = fixed.get(name) or SERIES[place % len(SERIES)]
        if kind in {"line", "area"}:
            d.path([(x + left + (xs.index(key) + 0.5) * step, up(value)) for key, value in points.items()], paint)
            continue
        for key, value in points.items():
            amount = value / sums[key] if share and sums[key] else value
            start = base[key] if stacked else 0
            top = up(start + amount)
            d.rect(x + left + xs.index(key) * step + 0.5, top, max(0.8, step - 1), up(start) - top, paint)
            base[key] = start + amount
    for value, paint in lines:
        d.path([(x + left, up(value)), (x + w, up(value))], paint, dash="5 3")
    if xs:
        d.text(x + left, y + h - bottom + 11, WORDS.get(xs[0], xs[0])[:16], size=9, fill="#69707d")
        d.text(x + w, y + h - bottom + 11, xs[-1][:16], size=9, fill="#69707d", more=' text-anchor="end"')
    at = x + left
    for place, name in enumerate(list(series)[:7]):
        d.rect(at, y + h - 9, 8, 8, fixed.get(name) or SERIES[place % len(SERIES)])
        d.text(at + 11, y + h - 1, name[:34], size=9)
        at += 22 + 5.2 * len(name[:34])


DRAW = {"lnsMetric": number, "lnsHeatmap": cells, "lnsDatatable": table, "lnsXY": graph}


def picture(store: Store, saved: list[dict[str, Any]], dashboard: Mapping[str, Any], model: str) -> str:
    """SVG of a dashboard, of one model where its documents name models."""
    views = {one["id"]: one["attributes"]["title"] for one in saved if one["type"] == "index-pattern"}
    filtered = {one: MODEL in BY_NAME[one.rpartition("-view-")[2]].dimensions for one in views}
    panels = json.loads(dashboard["attributes"]["panelsJSON"])
    d = Drawing()
    height = max(one["gridData"]["y"] + one["gridData"]["h"] for one in panels) * UNIT_Y + 30
    d.rect(0, 0, 48 * UNIT_X, height, "#f6f9fc")
    d.text(8, 20, dashboard["attributes"]["title"], size=15, more=' font-weight="bold"')
    for panel in panels:
        grid = panel["gridData"]
        x, y = grid["x"] * UNIT_X + EDGE, grid["y"] * UNIT_Y + EDGE + 28
        w, h = grid["w"] * UNIT_X - 2 * EDGE, grid["h"] * UNIT_Y - 2 * EDGE
        d.rect(x, y, w, h, "#ffffff", ' rx="4" stroke="#d3dae6"')
        d.text(x + 8, y + 15, panel.get("title", ""), size=12, more=' font-weight="bold"')
        box = (x + 8, y + 24, w - 16, h - 32)
        _content(d, box, store, panel, views, filtered, model)
    return d.svg(48 * UNIT_X, height)


def _content(
    d: Drawing,
    box: Box,
    store: Store,
    panel: Mapping[str, Any],
    views: Mapping[str, str],
    filtered: Mapping[str, bool],
    model: str,
) -> None:
    x, y, _, _ = box
    config = panel["embeddableConfig"]
    if panel["type"] == "links":
        d.text(x, y + 3, "      ".join(one["label"] for one in config["attributes"]["links"]), size=13, fill="#0061a6")
    elif panel["type"] == "visualization":
        for place, line in enumerate(config["savedVis"]["params"]["markdown"].split("\n")):
            d.text(x, y + 4 + 17 * place, line.replace("*", "").replace("`", ""), size=12)
    elif panel["type"] == "search":
        d.text(x, y + 10, "documents, as Discover lists them", size=11, fill="#69707d")
    else:
        attributes = config["attributes"]
        prefix = "indexpattern-datasource-layer-"
        pointers = {one["name"].removeprefix(prefix): one["id"] for one in attributes["references"]}
        answered = {}
        for name, layer in attributes["state"]["datasourceStates"]["formBased"]["layers"].items():
            where = attributes["state"]["query"]["query"]
            if filtered[pointers[name]] and model:
                where = f"({where}) and {MODEL} : {model}" if where else f"{MODEL} : {model}"
            asked = question(store, "", views[pointers[name]], layer, where)
            found = store.search(asked.index, asked.body).get("aggregations", {}) if asked else {}
            answered[name] = (list(rows_of(found, asked.metrics)) if asked else [], layer["columns"])
        DRAW[attributes["visualizationType"]](d, box, attributes["state"]["visualization"], answered)


def main(url: str, prefix: str, model: str, folder: Path) -> None:
    saved = saved_objects(prefix)
    with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
        for dashboard in (one for one in saved if one["type"] == "dashboard"):
            name = dashboard["id"].rpartition("-dashboard-")[2]
            of = "" if name == "overview" else model
            (folder / f"kibana-{name}.svg").write_text(picture(store, saved, dashboard, of), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
