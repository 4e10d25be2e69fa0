"""The demo's data in the tools that are pushed to, and in TensorBoard's files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from driftlog.contract.binning import NumericBins
from driftlog.contract.exporting import ExportSettings
from driftlog.contract.points import path_of, step_of
from driftlog.present.export.datagrams import Datagrams
from driftlog.present.export.event import Event
from driftlog.present.export.ledger import Change, Ledger, Unsure
from driftlog.present.export.otlp import request_of
from driftlog.present.export.push import Push, Sent
from driftlog.present.export.reading import Reading
from driftlog.present.export.tensorboard import Distributions, export
from driftlog.profile.reference_store import active
from driftlog.profile.stored import load_window
from driftlog.store.alerts import find_alerts
from driftlog.store.client import Store
from driftlog.store.results import find_measurements, scan_measurements
from driftlog.worker.export_source import reader_of


def check_tensorboard(store: Store, model: str, environment: str, logdir: Path) -> None:
    """Every scalar and histogram of the whole model, read by TensorBoard's own reader, is that of the store."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    pair = active(store, model, environment)
    assert pair is not None
    binning, reference = pair

    def counts(window, version, variant):
        return load_window(store, model, environment, binning.id, window)

    done = export(
        scan_measurements(store, model, environment=environment),
        find_alerts(store, model, environment=environment),
        logdir,
        model,
        environment,
        distributions=Distributions(binning, reference, counts),
    )
    assert all(run.changed and run.values for run in done)
    found = EventAccumulator(str(logdir / model / environment / "all"), size_guidance={"tensors": 0, "scalars": 0})
    found.Reload()
    measured = [
        m for m in find_measurements(store, model, environment=environment, size=100_000) if m.value is not None
    ]
    whole = {(path_of(m), step_of(m.window)): m for m in measured if (m.version, m.variant) == ("*", "*")}
    there = {(tag, event.step): event.value for tag in found.Tags()["scalars"] for event in found.Scalars(tag)}
    assert len(whole) > 100
    for key, m in whole.items():
        assert np.isclose(there[key], m.value, rtol=1e-6), key
    name = next(field for field, bins in binning.fields.items() if isinstance(bins, NumericBins) and bins.edges)
    window = max(m.window for m in whole.values())
    profile = counts(window, "*", "*")
    last = max(found.Tensors(f"distribution/{name}"), key=lambda event: event.step)
    bins = make_ndarray(last.tensor_proto)
    assert last.step == step_of(window)
    assert bins[:, 2].sum() == profile.fields[name].counts.sum()
    assert [count for count in bins[:, 2] if count] == [
        count for count in profile.fields[name].counts.tolist() if count
    ]


@dataclass
class Shown:
    """A destination that keeps what it is sent."""

    name: str = "shown"
    unsure: Unsure = "at_most_once"
    events: bool = False
    lines: list[str] = field(default_factory=list)
    points: int = 0

    def send(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime, again: bool) -> Sent:
        agent = Datagrams("udp://127.0.0.1:1", tagged=True)
        self.lines = list(agent.preview(readings, changes, at=at))
        gauges = [one for one in readings if one.kind == "gauge"]
        self.points = len(request_of([*gauges, *changes], at=at, cumulative=True).SerializeToString())
        return Sent(1)

    def tell(self, event: Event) -> Sent:
        return Sent()

    def preview(self, readings: Sequence[Reading], changes: Sequence[Change], *, at: datetime) -> Iterator[str]:
        yield from self.lines


def check_push(store: Store, model: str) -> None:
    """What the demo left becomes lines for Datadog's agent and an OpenTelemetry request."""
    reader = reader_of(store, ExportSettings())
    shown = Shown()
    push = Push(lambda now: reader.read(now=now), lambda since: [], Ledger(None, unsure="at_most_once"), shown)
    assert push.once(datetime.now(UTC)).error == ""
    for start in ("driftlog.performance:", "driftlog.drift:", "driftlog.alerts:", "driftlog.predictions_stored:"):
        assert any(line.startswith(start) and f"model:{model}" in line for line in shown.lines), start
    assert shown.points > 1000
