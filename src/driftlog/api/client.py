"""`Driftlog`: what `driftlog.connect` returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import msgspec
import pandas as pd

from driftlog.api.comparing import compare_sides, latest_data
from driftlog.api.comparison import Comparison
from driftlog.api.feedback import FeedbackClient
from driftlog.api.frames import alerts_frame, events_frame, measurements_frame
from driftlog.api.models import choose_model, known_models
from driftlog.api.reference import ModelReference
from driftlog.api.references import ReferenceClient
from driftlog.api.scenario import Scenario
from driftlog.api.scenarios import replay
from driftlog.api.times import MomentLike, Span, WindowLike, as_moment, resolve
from driftlog.config.load import load_settings
from driftlog.contract.errors import ReferenceUnusable, UsageError
from driftlog.contract.measurement import PURPOSES
from driftlog.contract.names import IndexNames, check_prefix
from driftlog.contract.segment import canonical_segment
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings, Secret, Settings
from driftlog.profile.reference import active, list_references, load_binning, load_reference
from driftlog.store.alerts import STATUSES, find_alerts
from driftlog.store.client import Store
from driftlog.store.mapped import open_store
from driftlog.store.models import registered
from driftlog.store.predictions import find_predictions
from driftlog.store.results import find_measurements, latest_window
from driftlog.worker.compare import find_reference
from driftlog.worker.pending import find_handled

MAX_RESULTS: Final = 1_000_000
EVERY: Final = "*"
_NAMES: Final = ("since", "until")


def open_client(
    url: str | Sequence[str] | None = None,
    *,
    api_key: str | None = None,
    username: str | None = None,
    password: str | None = None,
    ca_certs: str | None = None,
    config: str | Path | None = None,
    prefix: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Driftlog:
    """As `driftlog.connect`."""
    settings = load_settings(None if config is None else Path(config), os.environ if environ is None else environ)
    given: dict[str, Any] = {}
    if url is not None:
        given["urls"] = (url,) if isinstance(url, str) else tuple(url)
    if api_key is not None:
        given |= {"api_key": Secret(api_key), "username": None, "password": None}
    if username is not None:
        given |= {"username": username, "api_key": None, "password": Secret(password or "")}
    if ca_certs is not None:
        given["ca_certs"] = ca_certs
    elastic: ElasticsearchSettings = msgspec.structs.replace(settings.elasticsearch, **given)
    settings = msgspec.structs.replace(
        settings, elasticsearch=elastic, prefix=check_prefix(settings.prefix if prefix is None else prefix)
    )
    return Driftlog(open_store(elastic, IndexNames(settings.prefix, settings.period), settings.models), settings)


class Driftlog(FeedbackClient, ReferenceClient):
    """One installation of driftlog, to ask questions of.

    Methods return pandas frames. Times may be given as `datetime`, `date`, ISO text, or as a duration before the latest
    data (``"7d"``). Use it in a `with` statement, or `close` it.
    """

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.settings = settings

    def __repr__(self) -> str:
        urls = ", ".join(repr(url) for url in self.settings.elasticsearch.urls)
        return f"Driftlog({urls}, prefix={self.settings.prefix!r})"

    def __enter__(self) -> Driftlog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self.store.close()

    def model(self, name: str | None = None) -> ModelSettings:
        """Settings of a model, defaults where driftlog.yml does not name it; without a name, of the only one."""
        return choose_model(self.store, self.settings, name)

    def models(self) -> pd.DataFrame:
        """The models: one row each; configured, registered, and the end of its latest judged window."""
        records = registered(self.store)
        configured = {model.name for model in self.settings.models}
        rows = []
        for name, settings in known_models(self.store, self.settings).items():
            latest = latest_window(self.store, name)
            rows.append(
                {
                    "model": name,
                    "task": settings.task,
                    "environment": settings.environment,
                    "owner": settings.owner or (records[name].owner if name in records else ""),
                    "configured": name in configured,
                    "registered": name in records,
                    "judged_until": latest.end if latest is not None else None,
                }
            )
        columns = ["model", "task", "environment", "owner", "configured", "registered", "judged_until"]
        frame = pd.DataFrame(rows, columns=columns)
        frame["judged_until"] = pd.to_datetime(frame["judged_until"], utc=True)
        return frame

    def results(
        self,
        model: str | None = None,
        *,
        since: MomentLike | None = None,
        until: MomentLike | None = None,
        metric: str | Sequence[str] | None = None,
        field: str | None = None,
        purpose: str | Sequence[str] | None = None,
        verdict: str | Sequence[str] | None = None,
        segment: str = "",
        version: str | None = None,
        variant: str | None = None,
        environment: str | None = None,
        details: bool = False,
        limit: int = 100_000,
    ) -> pd.DataFrame:
        """Stored measurements, one row each, in order of their windows; the newest `limit` of them.

        Parameters
        ----------
        model
            May be left out where there is only one.
        since, until
            Windows that lie between; None is open.
        field
            With or without ``features.``.
        segment
            Empty: of the whole model; ``*``: of everything; else one segment, ``carrier=UA``.
        version, variant
            None: any.
        details
            Add further numbers as columns ``details.NAME``.

        Raises
        ------
        UsageError
            There is no such model or purpose, or a time or segment cannot be read.
        """
        if not 1 <= limit <= MAX_RESULTS:
            raise UsageError(f"limit: {limit} is not between 1 and {MAX_RESULTS}", remedy="narrow the search by time")
        for name in [purpose] if isinstance(purpose, str) else purpose or ():
            if name not in PURPOSES:
                raise UsageError(f"purpose: {name!r} is none", remedy=f"use one of {', '.join(PURPOSES)}")
        name = self.model(model).name
        span = self._span(since, until, lambda: (window := latest_window(self.store, name)) and window.end)
        wanted = (None,) if field is None else (field,) if "." in field else (f"features.{field}", field)
        found = []
        for each in wanted:
            found = find_measurements(
                self.store,
                name,
                environment=environment,
                since=span.since,
                until=span.until,
                metric=metric,
                field=each,
                purpose=purpose,
                verdict=verdict,
                segment=None if segment == EVERY else canonical_segment(segment),
                size=limit,
                newest_first=True,
            )
            if found:
                break
        kept = [
            m
            for m in reversed(found)
            if (version is None or m.version == version) and (variant is None or m.variant == variant)
        ]
        return measurements_frame(kept, details=details)

    def alerts(
        self,
        model: str | None = None,
        *,
        status: str | None = None,
        severity: str | None = None,
        since: MomentLike | None = None,
        until: MomentLike | None = None,
        environment: str | None = None,
    ) -> pd.DataFrame:
        """Alerts, one row an episode, in order of their opening; of every model where none is named.

        Parameters
        ----------
        status
            ``open`` (acknowledged or not), ``unacknowledged``, ``acknowledged`` or ``resolved``; None: all.
        since, until
            Episodes that overlap the stretch.
        """
        for name, value, known in (
            ("status", status, tuple(STATUSES)),
            ("severity", severity, ("info", "warning", "critical")),
        ):
            if value is not None and value not in known:
                raise UsageError(f"{name}: {value!r} is none", remedy=f"use one of {', '.join(known)}")
        chosen = self.model(model).name if model is not None else None

        def latest() -> datetime | None:
            return max((alert.updated for alert in find_alerts(self.store, chosen)), default=None)

        span = self._span(since, until, latest)
        found = find_handled(
            self.store,
            chosen,
            environment=environment,
            status=status,
            severity=severity,
            since=span.since,
            until=span.until,
        )
        return alerts_frame(found)

    def predictions(
        self,
        model: str | None = None,
        *,
        since: MomentLike | None = None,
        until: MomentLike | None = None,
        version: str | None = None,
        variant: str | None = None,
        environment: str | None = None,
        limit: int = 1000,
    ) -> pd.DataFrame:
        """Stored predictions, newest first, at most `limit` (10,000 at most): for looking, not for computing.

        Windows of any size are compared by `compare`, which reads counts.
        """
        settings = self.model(model)
        span = self._span(since, until, lambda: latest_data(self.store, settings))
        found = find_predictions(
            self.store,
            settings.name,
            since=span.since,
            until=span.until,
            version=version,
            variant=variant,
            environment=environment,
            size=limit,
        )
        return events_frame(found)

    def reference(self, model: str | None = None, id: str | None = None) -> ModelReference:
        """The active reference of a model, or the one whose id is, or begins with, `id`.

        Raises
        ------
        ReferenceUnusable
            There is none.
        """
        settings = self.model(model)
        if id is not None:
            reference = load_reference(self.store, find_reference(self.store, settings, id))
            return ModelReference(load_binning(self.store, reference.binning_id), reference)
        pair = active(self.store, settings.name, settings.environment)
        if pair is None:
            raise ReferenceUnusable(
                f"{settings.name} has no reference in {settings.environment}",
                remedy=f"driftlog reference set {settings.name} --file training.parquet",
            )
        return ModelReference(*pair)

    def references(self, model: str | None = None) -> pd.DataFrame:
        """Stored references, newest first; of every model where none is named."""
        infos = list_references(self.store, self.model(model).name if model is not None else None)
        columns = ["id", "model", "environment", "created", "n", "chunks", "origin", "active"]
        rows = [{name: getattr(info, name) for name in columns} for info in infos]
        frame = pd.DataFrame(rows, columns=columns)
        frame["created"] = pd.to_datetime(frame["created"], utc=True)
        return frame

    def compare(
        self,
        model: str | None,
        current: WindowLike,
        reference: WindowLike = "active",
        *,
        segment: str = "",
        reference_segment: str | None = None,
        version: str | None = None,
        reference_version: str | None = None,
        variant: str | None = None,
        reference_variant: str | None = None,
        method: str | Sequence[str] = (),
        environment: str | None = None,
    ) -> Comparison:
        """Compare any two windows, versions, variants or segments; see docs/compare.md.

        Parameters
        ----------
        current, reference
            Text as the command line takes it (``"2013-07-01/7d"``, ``"7d"``), a pair of times, or a `Window`; the
            reference also ``active`` or the id of a stored one.
        segment
            Of both sides, unless `reference_segment` names another.
        method
            Drift measures by name; those of the settings by default.
        """
        return Comparison(
            compare_sides(
                self.store,
                self.model(model),
                current,
                reference,
                segment=segment,
                reference_segment=reference_segment,
                version=version,
                reference_version=reference_version,
                variant=variant,
                reference_variant=reference_variant,
                methods=(method,) if isinstance(method, str) else tuple(method),
                environment=environment,
                now=_now,
            )
        )

    def scenario(
        self,
        model: str | None,
        window: WindowLike,
        predict: Callable[[pd.DataFrame], Any],
        *,
        shift: str | Sequence[str] = (),
        set: str | Sequence[str] = (),
        mix: str | Sequence[str] = (),
        segment: str = "",
        version: str | None = None,
        variant: str | None = None,
        environment: str | None = None,
        rows: int = 10_000,
        seed: int = 0,
        force: bool = False,
    ) -> Scenario:
        """Replay a stored window through its model under stated changes; see docs/compare.md.

        Parameters
        ----------
        predict
            The model: called with a frame of features (named without ``features.``), returns scores, labels or values.
        shift, set, mix
            As the command line takes them: ``"distance=+20%"``, ``"humid=missing"``, ``"origin=EWR:0.8"``; one or
            several.
        """
        return Scenario(
            replay(
                self.store,
                self.model(model),
                window,
                predict,
                shift=shift,
                set=set,
                mix=mix,
                segment=segment,
                version=version,
                variant=variant,
                environment=environment,
                rows=rows,
                seed=seed,
                force=force,
                now=_now,
            )
        )

    def _span(self, since: MomentLike | None, until: MomentLike | None, latest: Any) -> Span:
        start, end = as_moment(since, option="since"), as_moment(until, option="until")
        relative = any(moment is not None and not isinstance(moment, datetime) for moment in (start, end))
        return resolve(start, end, latest() if relative else None, names=_NAMES)


def _now() -> datetime:
    return datetime.now(UTC)
