"""``driftlog export prometheus``."""

from __future__ import annotations

import re
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from driftlog.cli import exits
from driftlog.cli.base import Command
from driftlog.cli.session import Session
from driftlog.contract.errors import UsageError
from driftlog.contract.exporting import PrometheusSettings

if TYPE_CHECKING:
    from driftlog.present.export.readings import Reader


@click.command(
    cls=Command,
    examples=[
        "driftlog export prometheus                          # http://127.0.0.1:9469/metrics",
        "driftlog export prometheus --listen 0.0.0.0:9469    # with export.prometheus.token set",
        "driftlog export prometheus --once | promtool check metrics",
        "driftlog export prometheus --textfile /var/lib/node_exporter/driftlog.prom",
    ],
)
@click.option("--listen", metavar="HOST:PORT", help="Where to listen  [default: export.prometheus.host and .port]")
@click.option("--once", is_flag=True, help="Print the page and end.")
@click.option(
    "--textfile",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the page to this file and end; counters go on in FILE.state.",
)
@click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File in which counters go on over restarts  [default: export.prometheus.state]",
)
@click.pass_obj
def prometheus(
    session: Session, listen: str | None, once: bool, textfile: Path | None, state: Path | None
) -> int | None:
    """Serve the state of all models to Prometheus.

    /metrics has predictions, latency, errors, performance, drift, data quality, alerts and the health of workers;
    /healthz says that the process lives. Elasticsearch is read at most once in export.prometheus.min_interval. While
    it is down the last values are served, with driftlog_up 0. The viewer's rights are enough for
    all but the workers' heartbeats, which the role exporter reads too.
    """
    from driftlog.cli.app import start_logging
    from driftlog.present.export.prometheus import require_client
    from driftlog.worker.export_source import reader_of

    require_client()
    if textfile is not None and once:
        raise UsageError("--once and --textfile exclude each other", remedy="keep one of the two")
    settings = session.settings.export
    wanted = listening(settings.prometheus, listen) if listen else settings.prometheus
    kept = state or (Path(wanted.state) if wanted.state else None)
    if textfile is not None and kept is None:
        kept = textfile.with_name(textfile.name + ".state")
    start_logging(session, quiet=once or textfile is not None)
    with session.store() as store:
        reader = reader_of(store, settings, state=kept)
        if once or textfile is not None:
            return _once(session, reader, textfile)
        _serve(session, reader, wanted)
    return None


def listening(settings: PrometheusSettings, address: str) -> PrometheusSettings:
    """`settings` with HOST:PORT, [IPv6]:PORT, or a port alone.

    >>> listening(PrometheusSettings(), "[::1]:9000").host
    '::1'
    """
    found = re.fullmatch(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]:|(?P<host>[^\s:\[\]]+):)?(?P<port>\d{1,5})", address)
    if found is None or not 1 <= int(found["port"]) <= 65535:
        raise UsageError(f"--listen: {address[:80]!r} is no address", remedy="write 127.0.0.1:9469")
    host = found["six"] or found["host"] or settings.host
    return msgspec.structs.replace(settings, host=host, port=int(found["port"]))


def _once(session: Session, reader: Reader, textfile: Path | None) -> int:
    from driftlog.present.export.prometheus import render
    from driftlog.present.export.reading import Reading
    from driftlog.present.export.totals import write_file

    now = session.now()
    found = reader.read(now=now)
    help_ = "Whether the last read of Elasticsearch succeeded."
    found.append(Reading("driftlog_up", "gauge", 1.0, {}, help_))
    help_ = "When this page was made."
    found.append(Reading("driftlog_export_timestamp_seconds", "gauge", now.timestamp(), {}, help_, "seconds"))
    page = render(found)
    if textfile is None:
        sys.stdout.write(page.decode())
        sys.stdout.flush()
    else:
        write_file(textfile, page, mode=0o644)  # read by the node exporter, as another user
    return exits.OK


def _serve(session: Session, reader: Reader, settings: PrometheusSettings) -> None:
    from driftlog.present.export.cache import Cache
    from driftlog.present.export.prometheus_server import ExporterServer

    cache = Cache(
        lambda: reader.read(now=session.now()),
        min_interval_s=settings.min_interval.total_seconds(),
        timeout_s=settings.timeout_s,
        max_age_s=settings.max_age.total_seconds(),
    )
    with ExporterServer(cache, settings) as server:
        stopped = threading.Event()
        for wanted in (signal.SIGTERM, signal.SIGINT):
            signal.signal(wanted, lambda *_: stopped.set())
        serving = threading.Thread(target=server.serve_forever, name="driftlog-export-http", daemon=True)
        serving.start()
        session.messages.print(f"Prometheus finds the metrics at {server.url}; Ctrl-C ends it.", markup=False)
        stopped.wait()
        server.shutdown()
        serving.join()
