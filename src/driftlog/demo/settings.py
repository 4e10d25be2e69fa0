"""Settings of the demo: a ``driftlog.yml`` as a user would write it, read back as every other one.

The demo has an index prefix of its own and deletes nothing else. It keeps its files in a folder of its own::

    DRIFTLOG_HOME/demo/
    ├── driftlog.yml     for driftlog --config ... alerts, results, predictions, report
    ├── report.html
    ├── app.log  intake.log
    └── spool/
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from driftlog.config.load import load_settings
from driftlog.contract.errors import UsageError
from driftlog.contract.settings import ModelSettings, Settings
from driftlog.demo.data import LIVE_END
from driftlog.demo.maintain_settings import maintain_settings
from driftlog.demo.scenarios import SCENARIOS
from driftlog.store.local.settings import base_folder

DEMO_PREFIX: Final = "driftlog-demo"
_DEMO_PREFIXES: Final = re.compile(r"driftlog-demo(-[a-z0-9]+)?\Z")
MODEL: Final = "flights"
WITHOUT_FAULT: Final = "flights-without-fault"
"""In a scenario: the same flights, predicted by an app without the fault."""
ENVIRONMENT: Final = "demo"
DEFAULT_EVENTS: Final = 20_000


def demo_folder() -> Path:
    """Where the demo keeps its files."""
    return base_folder() / "demo"


@dataclass(frozen=True)
class DemoOptions:
    """What ``driftlog demo`` was asked to do.

    Attributes
    ----------
    events
        Flights to replay, spread evenly over April to December; None: all 256,001.
    elasticsearch
        Address of a cluster; None: the local server.
    scenario
        Name in `driftlog.demo.scenarios.SCENARIOS`, or None.
    maintain
        Run the maintenance loop: retrain, try, promote, watch, roll back.
    stop
        Stop the local server at the end.
    open_report
        Show the report where there is a desktop.
    report
        Where to write it; None: into `folder`.
    until
        End of the replay, a Monday or the end of the year.
    prefix
        ``driftlog-demo``, or ``driftlog-demo-`` and a word.
    """

    events: int | None = DEFAULT_EVENTS
    elasticsearch: str | None = None
    scenario: str | None = None
    maintain: bool = False
    stop: bool = False
    open_report: bool = True
    report: Path | None = None
    until: datetime = LIVE_END
    prefix: str = DEMO_PREFIX
    folder: Path = field(default_factory=demo_folder)

    def __post_init__(self) -> None:
        check_demo_prefix(self.prefix)
        if self.scenario is not None and self.maintain:
            raise UsageError("--maintain and --scenario are two demos", remedy="run one after the other")
        if self.scenario is not None and self.scenario not in SCENARIOS:
            listed = "; ".join(f"{name} ({each.title})" for name, each in SCENARIOS.items())
            raise UsageError(
                f"--scenario {self.scenario}: there is no such scenario", remedy=f"choose one of: {listed}"
            )


def check_demo_prefix(prefix: str) -> str:
    """Return `prefix` when everything under it may be deleted.

    >>> check_demo_prefix("driftlog")
    Traceback (most recent call last):
    ...
    driftlog.contract.errors.UsageError: the demo deletes everything under its prefix, and 'driftlog' is not its own
      -> use driftlog-demo, or driftlog-demo- and a word
    """
    if _DEMO_PREFIXES.match(prefix):
        return prefix
    raise UsageError(
        f"the demo deletes everything under its prefix, and {prefix!r} is not its own",
        remedy="use driftlog-demo, or driftlog-demo- and a word",
    )


_FILE: Final = """\
# Written by `driftlog demo`. Look around with it:
#   driftlog --config {file} alerts
prefix: {prefix}
elasticsearch:
  urls: [{url}]
intake:
  http_port: {intake_port}
  tcp_port: null
  max_age: null        # the flights are of 2013
  auto_register: false # its models are registered below
models:
"""

_MODEL: Final = """\
  {name}:
    environment: {environment}
    task: binary
    positive_label: late
    decision_threshold: 0.5
    # Twenty thousand flights in nine months are 75 a day and 510 a week: judged by the week, counted by the day.
    # A day's bucket is a day in UTC, so the weeks are weeks in UTC.
    bucket: 1d
    window: 1w
    timezone: UTC
    look_back: 60d     # truth is known within a day and a half
    min_maturity: 0.8  # 2.6 % of the flights never arrive
    service: {service}
    segments: [origin]  # watched apart: `driftlog segments {name}`
    thresholds:
      # The defaults judge drift, performance and quality. What an answer may take is for its users to say.
      - metric: latency_p99_ms
        warning: 200
        critical: 300
        of_windows: [2, 3]
"""


def write_settings(
    options: DemoOptions, *, url: str, intake_port: int, app_port: int, environ: Mapping[str, str]
) -> tuple[Path, Settings]:
    """Write the demo's ``driftlog.yml`` and return its path and content.

    Parameters
    ----------
    app_port
        Where the serving app answers.
    environ
        Environment variables; those with the credentials of Elasticsearch count, no others.
    """
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "driftlog.yml"
    text = _FILE.format(file=file, prefix=options.prefix, url=url, intake_port=intake_port)
    names = (MODEL, WITHOUT_FAULT) if options.scenario else (MODEL,)
    text += "".join(_MODEL.format(name=name, environment=ENVIRONMENT, service=service_of(name)) for name in names)
    if options.maintain:
        text += maintain_settings(MODEL, options.folder, app_port)
    file.write_text(text, encoding="utf-8")
    settings = load_settings(file, credentials(environ))
    check_demo_prefix(settings.prefix)
    return file, settings


def service_of(model: str) -> str:
    """``service.name`` of the app that serves `model`."""
    return f"{model}-app"


def credentials(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that say how to log in to Elasticsearch."""
    wanted = ("API_KEY", "USERNAME", "PASSWORD", "CA_CERTS", "VERIFY_CERTS")
    return {name: environ[name] for key in wanted if (name := f"DRIFTLOG_ELASTICSEARCH__{key}") in environ}


def model_settings(settings: Settings, name: str) -> ModelSettings:
    return next(model for model in settings.models if model.name == name)


def fresh_spool(options: DemoOptions) -> Path:
    """An empty folder for the spools: what an interrupted run left in it belongs to indices that are deleted now."""
    folder = options.folder / "spool"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
