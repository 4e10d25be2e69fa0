"""Panels, queries and variables as driftlog's dashboards use them, over Grafana's own builders."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Final

from grafana_foundation_sdk.builders import (
    bargauge,
    dashboard,
    elasticsearch,
    heatmap,
    logs,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models.common import BigValueColorMode, LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    GridPos,
    Panel,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
    VariableOption,
    VariableRefresh,
    VariableSort,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from driftlog.present.grafana.sources import PROMETHEUS

COLUMNS: Final = 24
TAG: Final = "driftlog"
GREEN, YELLOW, ORANGE, RED, BLUE = "green", "yellow", "orange", "red", "blue"
SEVERITIES: Final = {"0": ("ok", GREEN), "1": ("info", BLUE), "2": ("warning", ORANGE), "3": ("critical", RED)}

Limits = Sequence[tuple[float | None, str]]
"""(value from which a colour holds, colour); the first has no value."""
Target = Builder[Any]
PanelBuilder = Any


@dataclass(frozen=True)
class Placed:
    """A panel and its size on the grid of 24 columns."""

    panel: PanelBuilder
    width: int = 12
    height: int = 8


# -- queries -----------------------------------------------------------------------------------------------------------


def promql(expr: str, legend: str = "", *, ref: str = "A", instant: bool = False, heat: bool = False) -> Target:
    """A PromQL query; `instant` ones are for tables and single numbers."""
    query = prometheus.Dataquery().expr(expr).ref_id(ref).datasource(PROMETHEUS).legend_format(legend or "__auto")
    if instant:
        return query.instant().format(PromQueryFormat.TABLE)
    return query.range().format(PromQueryFormat.HEATMAP if heat else PromQueryFormat.TIME_SERIES)


def lucene(source: DataSourceRef, query: str, *, by: Sequence[str] = (), average: str = "", most: str = "") -> Target:
    """Count (or mean, or greatest value of a field) over time of what a Lucene query finds, by fields."""
    metric: Any = elasticsearch.Count().id("1")
    if average:
        metric = elasticsearch.Average().id("1").field(average)
    if most:
        metric = elasticsearch.Max().id("1").field(most)
    buckets: list[Any] = []
    for number, name in enumerate(by, start=3):
        settings = {"size": "20", "order": "desc", "orderBy": "_term", "min_doc_count": "1"}
        buckets.append(_Terms(str(number), name, settings))
    buckets.append(_DateHistogram("2", "@timestamp", {"interval": "auto", "min_doc_count": "1"}))
    return (
        elasticsearch.Dataquery()
        .query(query)
        .ref_id("A")
        .datasource(source)
        .time_field("@timestamp")
        .metrics([metric])
        .bucket_aggs(buckets)
    )


def documents(source: DataSourceRef, query: str, *, size: int = 100, as_logs: bool = False) -> Target:
    """The newest documents that a Lucene query finds."""
    metric: Any = (
        _Metric("1", "logs", {"limit": str(size)}) if as_logs else _Metric("1", "raw_data", {"size": str(size)})
    )
    return (
        elasticsearch.Dataquery()
        .query(query)
        .ref_id("A")
        .datasource(source)
        .time_field("@timestamp")
        .metrics([metric])
        .bucket_aggs([])
    )


class _Raw:
    """An object of the data source, as its editor stores it."""

    def __init__(self, content: dict[str, Any]) -> None:
        self._content = content

    def build(self) -> Any:
        return self

    def to_json(self) -> dict[str, Any]:
        return self._content


def _Terms(id_: str, field: str, settings: dict[str, Any]) -> Any:  # noqa: N802
    return _Raw({"id": id_, "type": "terms", "field": field, "settings": settings})


def _DateHistogram(id_: str, field: str, settings: dict[str, Any]) -> Any:  # noqa: N802
    return _Raw({"id": id_, "type": "date_histogram", "field": field, "settings": settings})


def _Metric(id_: str, kind: str, settings: dict[str, Any]) -> Any:  # noqa: N802
    return _Raw({"id": id_, "type": kind, "settings": settings})


# -- panels ------------------------------------------------------------------------------------------------------------


def lines(
    title: str, *targets: Target, unit: str = "short", text: str = "", stack: bool = False, share: bool = False
) -> PanelBuilder:
    """Values over time; `share`: the axis goes from 0 to 1."""
    panel = timeseries.Panel().title(title).description(text).unit("percentunit" if share else unit)
    legend = common_builders.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    panel = panel.legend(legend.show_legend(True).calcs(["lastNotNull"])).fill_opacity(25 if stack else 5).line_width(1)
    panel = panel.show_points(common.VisibilityMode.AUTO).span_nulls(True)
    if share:
        panel = panel.min(0).max(1)
    if stack:
        panel = panel.stacking(common_builders.StackingConfig().mode(common.StackingMode.NORMAL))
    return _with(panel, targets)


def number(
    title: str, target: Target, *, unit: str = "short", limits: Limits = ((None, BLUE),), text: str = ""
) -> PanelBuilder:
    """One number, coloured by limits."""
    panel = stat.Panel().title(title).description(text).unit(unit).color_mode(BigValueColorMode.BACKGROUND)
    reduce = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    return _with(panel.reduce_options(reduce).thresholds(_limits(limits)).no_value("-"), [target])


def states(title: str, *targets: Target, text: str = "") -> PanelBuilder:
    """Verdicts over time: green, blue, orange, red."""
    results = {
        value: ValueMappingResult(text=name, color=colour, index=place)
        for place, (value, (name, colour)) in enumerate(SEVERITIES.items())
    }
    panel = statetimeline.Panel().title(title).description(text).mappings([ValueMap(options=results)])
    limits = [(None, GREEN), (1, BLUE), (2, ORANGE), (3, RED)]
    panel = panel.thresholds(_limits(limits)).show_value(common.VisibilityMode.NEVER).merge_values(True).row_height(0.8)
    return _with(panel, targets)


def bars(
    title: str, target: Target, *, limits: Limits = ((None, BLUE),), unit: str = "short", text: str = ""
) -> PanelBuilder:
    """A bar each for the newest values."""
    panel = bargauge.Panel().title(title).description(text).unit(unit).orientation(common.VizOrientation.HORIZONTAL)
    reduce = common_builders.ReduceDataOptions().calcs(["lastNotNull"])
    panel = panel.reduce_options(reduce).thresholds(_limits(limits)).display_mode(common.BarGaugeDisplayMode.BASIC)
    return _with(panel.min(0), [target])


def heat(title: str, target: Target, *, unit: str = "s", text: str = "") -> PanelBuilder:
    """Buckets of a histogram over time."""
    panel = heatmap.Panel().title(title).description(text).calculate(False)
    return _with(panel.y_axis(heatmap.YAxisConfig().unit(unit)), [target])


def rows(title: str, *targets: Target, names: dict[str, str] | None = None, text: str = "") -> PanelBuilder:
    """A table; of several queries the columns are joined, and renamed by `names`."""
    panel = table.Panel().title(title).description(text).show_header(True)
    if names is not None:
        hidden = dict.fromkeys(("Time", "__name__", "job", "instance"), True)
        organised = {"excludeByName": hidden, "renameByName": names, "indexByName": {}}
        panel = panel.with_transformation(DataTransformerConfig(id_val="merge", options={}))
        panel = panel.with_transformation(DataTransformerConfig(id_val="organize", options=organised))
    return _with(panel, targets)


def log_lines(title: str, target: Target, *, text: str = "") -> PanelBuilder:
    """Documents as log lines, to be opened one by one."""
    panel = logs.Panel().title(title).description(text).show_time(True).enable_log_details(True)
    return _with(panel.sort_order(common.LogsSortOrder.DESCENDING).wrap_log_message(True), [target])


def _with(panel: PanelBuilder, targets: Sequence[Target]) -> PanelBuilder:
    built = [target.build() for target in targets]
    sources = {target.datasource.uid: target.datasource for target in built}
    assert len(sources) == 1, "a panel has one data source"  # noqa: S101 - a mistake in a dashboard's code
    panel = panel.datasource(next(iter(sources.values())))
    for target in targets:
        panel = panel.with_target(target)
    return panel


def _limits(limits: Limits) -> Any:
    steps = [Threshold(value=value, color=colour) for value, colour in limits]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


# -- variables ---------------------------------------------------------------------------------------------------------


def variable(name: str, label: str, query: str, *, multi: bool = True, everything: str = ".*") -> Any:
    """A choice filled by Prometheus: ``label_values(metric, label)``."""
    made = dashboard.QueryVariable(name).label(label).datasource(PROMETHEUS)
    made = made.query({"qryType": 1, "query": query, "refId": f"variable-{name}"})
    return _chosen(made, multi=multi, everything=everything)


def terms_variable(name: str, label: str, source: DataSourceRef, field: str) -> Any:
    """A choice filled by Elasticsearch: the values of a field."""
    made = dashboard.QueryVariable(name).label(label).datasource(source)
    made = made.query(json.dumps({"find": "terms", "field": field, "size": 500}))
    return _chosen(made, multi=True, everything="*")


def _chosen(made: Any, *, multi: bool, everything: str) -> Any:
    made = made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).sort(VariableSort.ALPHABETICAL_ASC).multi(multi)
    if not multi:
        return made
    made = made.include_all(True).all_value(everything)
    return made.current(VariableOption(selected=True, text=["All"], value=["$__all"]))


# -- the whole ---------------------------------------------------------------------------------------------------------


def assemble(
    uid: str,
    title: str,
    text: str,
    placed: Sequence[Placed | str],
    *,
    variables: Sequence[Any] = (),
    since: str = "now-7d",
) -> Any:
    """A dashboard: panels from left to right and top to bottom; a string begins a row of that name."""
    made = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags([TAG])
        .timezone("browser")
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time(since, "now")
        .refresh("1m")
        .version(1)
    )
    others = dashboard.DashboardLink("driftlog").type(DashboardLinkType.DASHBOARDS).tags([TAG]).as_dropdown(True)
    made = made.link(others.include_vars(True).keep_time(True))
    for one in variables:
        made = made.with_variable(one)
    built = made.build()
    built.panels = list(_placed(placed))
    return built


def _placed(placed: Sequence[Placed | str]) -> Iterator[Any]:
    ids = count(1)
    x = y = tallest = 0
    for one in placed:
        if isinstance(one, str):
            y, x, tallest = y + tallest, 0, 0
            row = dashboard.Row(one).id(next(ids)).grid_pos(GridPos(h=1, w=COLUMNS, x=0, y=y))
            yield row.build()
            y += 1
            continue
        if x + one.width > COLUMNS:
            y, x, tallest = y + tallest, 0, 0
        panel: Panel = one.panel.id(next(ids)).grid_pos(GridPos(h=one.height, w=one.width, x=x, y=y)).build()
        yield panel
        x, tallest = x + one.width, max(tallest, one.height)
