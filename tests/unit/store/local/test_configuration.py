"""The configuration keeps the server to this machine, and names nothing the archive lacks."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from driftlog.store.local.archive import Distribution
from driftlog.store.local.configuration import elasticsearch_yml, jvm_options, marker, render, write
from driftlog.store.local.layout import Layout
from driftlog.store.local.settings import LocalSettings
from driftlog.store.roles import roles, roles_yml


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A home whose path has a blank, a colon and an umlaut in it."""
    return Layout(tmp_path / "Ö: my data")


@pytest.fixture
def distribution(tmp_path: Path) -> Distribution:
    """An archive's configuration folder."""
    config = tmp_path / "es" / "config"
    (config / "jvm.options.d").mkdir(parents=True)
    for name in ("users", "jvm.options", "log4j2.properties", "elasticsearch.yml"):
        (config / name).write_text("original\n")
    return Distribution(tmp_path / "es", "9.5.3")


def test_it_listens_on_this_machine_only(layout: Layout) -> None:
    """HTTP where asked; transport, which nobody needs, wherever there is room."""
    values = elasticsearch_yml(LocalSettings(home=layout.home), layout, 9287, frozenset())
    assert values["network.host"] == "127.0.0.1"
    assert (values["http.port"], values["transport.port"]) == (9287, 0)
    assert values["discovery.type"] == "single-node"
    assert values["xpack.security.enabled"] is False


def test_settings_of_missing_modules_are_left_out(layout: Layout) -> None:
    """The fetched archive refuses a setting it does not know."""
    settings = LocalSettings(home=layout.home)
    assert not [
        name for name in elasticsearch_yml(settings, layout, 1, frozenset()) if "geoip" in name or "ml." in name
    ]
    full = elasticsearch_yml(settings, layout, 1, frozenset({"ingest-geoip", "x-pack-ml"}))
    assert full["ingest.geoip.downloader.enabled"] is False
    assert full["xpack.ml.enabled"] is False


def test_what_is_written_is_yaml_that_reads_back(layout: Layout) -> None:
    """Any path survives."""
    values = elasticsearch_yml(LocalSettings(home=layout.home, secure=True), layout, 9287, frozenset())
    assert yaml.safe_load(render(values)) == values
    assert yaml.safe_load(roles_yml(roles())) == roles()


def test_users_stay_and_the_rest_is_renewed(layout: Layout, distribution: Distribution) -> None:
    """A second start with another heap keeps the users."""
    write(LocalSettings(home=layout.home), layout, distribution, 9287)
    (layout.config / "users").write_text("ada:hash\n")
    (layout.config / "log4j2.properties").write_text("changed\n")
    write(LocalSettings(home=layout.home, heap="512m"), layout, distribution, 9288)
    assert (layout.config / "users").read_text() == "ada:hash\n"
    assert (layout.config / "log4j2.properties").read_text() == "original\n"
    assert "-Xmx512m" in (layout.config / "jvm.options.d/driftlog.options").read_text()
    assert yaml.safe_load((layout.config / "elasticsearch.yml").read_text())["http.port"] == 9288


def test_the_process_carries_the_name_of_its_home(layout: Layout) -> None:
    """One line, one argument, blanks and all."""
    assert marker(layout) in jvm_options(LocalSettings(home=layout.home), layout).splitlines()
