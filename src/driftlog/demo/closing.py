"""The end of the demo: summary, report, and where to look further."""

from __future__ import annotations

import os
import sys
import webbrowser
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.padding import Padding

from driftlog.contract.settings import ModelSettings, Settings
from driftlog.demo.lessons import lessons
from driftlog.demo.replay import Sent
from driftlog.demo.scenarios import Scenario
from driftlog.demo.settings import MODEL, WITHOUT_FAULT, DemoOptions, model_settings
from driftlog.demo.summary import print_alerts, print_caught, weeks_table
from driftlog.demo.tally import print_tally
from driftlog.demo.weeks import read_story
from driftlog.evaluate.segments.weakest import rank_segments
from driftlog.present.report import render_report
from driftlog.present.report_data import load_report_data
from driftlog.store.client import Store
from driftlog.worker.happenings import markers
from driftlog.worker.report_source import profile_source

WIDE = 110


def close(
    store: Store,
    settings: Settings,
    options: DemoOptions,
    file: Path,
    sent: Sent,
    scenario: Scenario | None,
    console: Console,
) -> bool:
    """Print what happened, write the report, and say how to go on; False when events are missing or were refused."""
    story = read_story(store, model_settings(settings, MODEL))
    console.print(weeks_table(story, scenario, wide=console.width >= WIDE))
    print_alerts(story.alerts, console)
    console.print("\n[bold]What to see in it[/]")
    for line in lessons(story):
        console.print(Padding(line, (0, 0, 0, 2), expand=False), highlight=False)
    if scenario:
        print_caught(story, read_story(store, model_settings(settings, WITHOUT_FAULT)), scenario, console)
    arrived = print_tally(store, [model.name for model in settings.models], sent, console)
    report = _write_report(store, model_settings(settings, MODEL), options)
    _print_next(file, report, console)
    if options.open_report and has_desktop():
        webbrowser.open(report.as_uri())
    return arrived


def _write_report(store: Store, settings: ModelSettings, options: DemoOptions) -> Path:
    profiles = profile_source(store, settings.name, settings.environment)
    data = load_report_data(
        store,
        settings.name,
        environment=settings.environment,
        profiles=profiles,
        markers=markers(store, settings.name, settings.environment),
        rank=partial(rank_segments, settings=settings),
    )
    path = (options.report or options.folder / "report.html").absolute()
    path.write_text(render_report(data), encoding="utf-8")
    return path


def _print_next(file: Path, report: Path, console: Console) -> None:
    console.print(f"\nReport: {report}", highlight=False, soft_wrap=True, style="bold")
    console.print("Look further:", highlight=False)
    for command in (
        f"alerts {MODEL} --status all",
        f"results {MODEL} --by-window",
        f"predictions {MODEL} --score-min 0.6",
        "local status",
    ):
        console.print(f"  driftlog --config {file} {command}", highlight=False, soft_wrap=True)


def has_desktop() -> bool:
    """Whether somebody could see a browser window."""
    if sys.platform == "darwin":
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
