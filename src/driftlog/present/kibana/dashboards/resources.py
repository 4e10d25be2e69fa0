"""What the serving processes and their hosts use."""

from __future__ import annotations

from typing import Final

from driftlog.present.kibana import views
from driftlog.present.kibana.column import Column, average, distinct, fixed, largest, newest, over_time, terms
from driftlog.present.kibana.dashboard import Dashboard
from driftlog.present.kibana.dashboards.common import head
from driftlog.present.kibana.datatable import datatable
from driftlog.present.kibana.formats import column_percent
from driftlog.present.kibana.heatmap import heatmap
from driftlog.present.kibana.metric import metric
from driftlog.present.kibana.palette import NONE_IS_GOOD, PERCENT_USED
from driftlog.present.kibana.panel import Panel, Row
from driftlog.present.kibana.xy import at_critical, at_warning, xy

_TEXT = """Samples of serving processes and their hosts, as the app takes them (`pip install "driftlog[resources]"`).
CPU of a process is in percent of one core: 200 is two cores busy. Samples name a service and a host, not a model:
filters by model that come along from another dashboard empty this one; remove them above."""

_USED: Final = (
    ("Host CPU", "resource.host_cpu_percent", "Red for long: add hosts, or move work."),
    ("Host memory", "resource.host_memory_percent", "Red: before the system kills a process, add memory or hosts."),
    ("GPU", "resource.gpu_percent", "Red: requests queue for the GPU; batch them or add one. Empty without a GPU."),
    ("Storage", "resource.storage_used_percent", "Red: the spool cannot grow; free space before events are dropped."),
)


def _hosts(by: str = "") -> Column:
    return terms("Host", views.HOST, size=25, by=by)


def _used(title: str, field: str, advice: str) -> Panel:
    lens = heatmap(
        f"{title} by host",
        f"The largest percentage of {title} used by each host over time. {advice}",
        "resources",
        over_time(),
        _hosts(by="Percent used"),
        largest("Percent used", field, format=column_percent()),
        palette=PERCENT_USED,
        where=f"{field} : *",
    )
    return Panel(title.lower().replace(" ", "-"), lens)


def _course(name: str, title: str, field: str, advice: str) -> Panel:
    lens = xy(
        title,
        advice,
        "resources",
        over_time(),
        (average(title, field),),
        split=terms("Service", views.SERVICE, size=10),
        where=f"{field} : *",
    )
    return Panel(name, lens)


_NUMBERS = Row(
    6,
    (
        Panel(
            "hosts",
            metric(
                "Hosts",
                "Hosts and services that send samples. Fewer than you run: one has stopped, or samples nothing.",
                "resources",
                distinct("Hosts", views.HOST),
                second=distinct("services", views.SERVICE),
            ),
        ),
        *(
            Panel(
                f"now-{title.lower().replace(' ', '-')}",
                metric(
                    f"{title}, largest",
                    f"The largest percentage in the time range. {advice}",
                    "resources",
                    largest("Percent", field, format=column_percent()),
                    largest=fixed("all of it", 100),
                    palette=PERCENT_USED,
                ),
            )
            for title, field, advice in _USED
        ),
        Panel(
            "dropped",
            metric(
                "Events dropped",
                "Events lost since a process started because its spool was full. Red: events are lost for good; make "
                "room for the spool and find out why the receiver does not take them.",
                "resources",
                largest("Dropped", "resource.events_dropped"),
                palette=NONE_IS_GOOD,
            ),
        ),
    ),
)

RESOURCES: Final = Dashboard(
    "resources",
    "Resources",
    "CPU, memory, GPU and storage of serving processes and hosts, and what waits in their spools. Red: see the host's "
    "row, then add capacity or free space.",
    (
        *head(_TEXT),
        _NUMBERS,
        Row(12, tuple(_used(*one) for one in _USED[:2])),
        Row(12, tuple(_used(*one) for one in _USED[2:])),
        Row(
            12,
            (
                Panel(
                    "process-cpu",
                    xy(
                        "CPU of the processes",
                        "Percent of one core, mean of each service. Near 100 for a single-threaded process: start "
                        "another one.",
                        "resources",
                        over_time(),
                        (average("CPU", "resource.cpu_percent", format=column_percent()),),
                        split=terms("Service", views.SERVICE, size=10),
                        across=(at_warning(fixed("one core", 100)), at_critical(fixed("two cores", 200))),
                        where="resource.cpu_percent : *",
                    ),
                ),
                _course(
                    "process-memory",
                    "Memory of the processes",
                    "resource.memory_bytes",
                    "Mean resident memory of each service. A line that only climbs: a leak; restart and look for it.",
                ),
                _course(
                    "gpu-memory",
                    "GPU memory",
                    "resource.gpu_memory_bytes",
                    "Mean GPU memory of each service; empty without a GPU. Near the card's size: smaller batches.",
                ),
            ),
        ),
        Row(
            12,
            (
                _course(
                    "spool",
                    "Events waiting in the spool",
                    "resource.spool_events",
                    "Events that wait for delivery. A line that climbs: the receiver is down or too slow; nothing is "
                    "lost until the spool is full.",
                ),
                _course(
                    "storage-bytes",
                    "Storage used",
                    "resource.storage_used_bytes",
                    "Storage used on the spool's disk. Climbing with the spool: see to the receiver.",
                ),
                Panel(
                    "by-process",
                    datatable(
                        "Services and hosts",
                        "The newest sample of each. An old newest sample: the process has stopped.",
                        "resources",
                        (
                            terms("Service", views.SERVICE, size=50),
                            _hosts(),
                            newest("Newest sample", "@timestamp", data_type="date"),
                            newest("Memory", "resource.memory_bytes"),
                            newest("Threads", "resource.threads"),
                            newest("Open files", "resource.open_files"),
                            newest("Waiting", "resource.spool_events"),
                        ),
                    ),
                ),
            ),
        ),
    ),
    since="now-24h",
    refresh_s=60,
)
