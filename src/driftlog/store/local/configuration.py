"""Configuration of the local server: ``elasticsearch.yml`` and JVM options, written at each start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from driftlog.store.local.archive import Distribution
from driftlog.store.local.layout import CLUSTER_NAME, Layout
from driftlog.store.local.settings import LocalSettings

HEADER = "# Written by 'driftlog local start' at each start; changes made here are lost.\n"
KEPT = frozenset({"users", "users_roles", "elasticsearch.keystore"})
"""Files of the configuration folder that carry state."""


def marker(layout: Layout) -> str:
    """Return the JVM argument by which a server of this home is recognised among all processes."""
    return f"-Ddriftlog.local.home={layout.root}"


def elasticsearch_yml(settings: LocalSettings, layout: Layout, port: int, modules: frozenset[str]) -> dict[str, object]:
    """Return the settings of ``elasticsearch.yml``.

    Reachable from this machine only; one node; disk watermarks in absolute terms, since 90 % of a large disk is no
    shortage; transport on whatever port is free, since nobody joins. Settings of modules the fetched archive lacks
    are set only where the module is there (an unknown setting stops the start).
    """
    values: dict[str, object] = {
        "cluster.name": CLUSTER_NAME,
        "node.name": "local",
        "network.host": "127.0.0.1",
        "http.port": port,
        "transport.port": 0,
        "discovery.type": "single-node",
        "path.data": str(layout.data),
        "path.logs": str(layout.logs),
        "path.repo": [str(layout.snapshots)],
        "cluster.routing.allocation.disk.watermark.low": "1gb",
        "cluster.routing.allocation.disk.watermark.high": "500mb",
        "cluster.routing.allocation.disk.watermark.flood_stage": "250mb",
        "xpack.security.enabled": settings.secure,
    }
    if settings.secure:
        values |= secure_yml()
    if "ingest-geoip" in modules:
        values["ingest.geoip.downloader.enabled"] = False
    if "x-pack-ml" in modules:
        values["xpack.ml.enabled"] = False
    return values


def secure_yml() -> dict[str, object]:
    """Return what HTTPS and the file realm need; paths are relative to the configuration folder."""
    return {
        "xpack.security.enrollment.enabled": False,
        "xpack.security.http.ssl.enabled": True,
        "xpack.security.http.ssl.key": "http.key",
        "xpack.security.http.ssl.certificate": "http.crt",
        "xpack.security.authc.realms.file.local.order": 0,
    }


def jvm_options(settings: LocalSettings, layout: Layout) -> str:
    """Return JVM options beside the distribution's own.

    The heap's pages are taken when used, not all at start (``AlwaysPreTouch`` costs a second and the whole heap at
    once), and no garbage-collection log is written.
    """
    return HEADER + "\n".join(
        (
            f"-Xms{settings.heap}",
            f"-Xmx{settings.heap}",
            "-XX:-AlwaysPreTouch",
            "-Xlog:disable",
            "-XX:-HeapDumpOnOutOfMemoryError",
            marker(layout),
            "",
        )
    )


def render(values: Mapping[str, object]) -> str:
    """Write settings as YAML, each value in its JSON form, which YAML includes.

    >>> print(render({"http.port": 9287, "path.data": "/a b"}).split(chr(10), 1)[1])
    http.port: 9287
    path.data: "/a b"
    <BLANKLINE>
    """
    return HEADER + "".join(f"{name}: {json.dumps(value)}\n" for name, value in values.items())


def write(settings: LocalSettings, layout: Layout, distribution: Distribution, port: int) -> None:
    """Bring the configuration folder up to date; users and the key store stay."""
    layout.config.mkdir(parents=True, exist_ok=True)
    _copy_missing(distribution.home / "config", layout.config)
    values = elasticsearch_yml(settings, layout, port, distribution.modules)
    (layout.config / "elasticsearch.yml").write_text(render(values), encoding="utf-8")
    options = layout.config / "jvm.options.d"
    options.mkdir(exist_ok=True)
    (options / "driftlog.options").write_text(jvm_options(settings, layout), encoding="utf-8")


def _copy_missing(source: Path, target: Path) -> None:
    for path in source.iterdir():
        destination = target / path.name
        if path.is_dir():
            shutil.copytree(path, destination, dirs_exist_ok=True, copy_function=shutil.copyfile)
        elif path.name not in KEPT or not destination.exists():
            shutil.copyfile(path, destination)
