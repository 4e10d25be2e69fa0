"""The pipelines of logstash/ can be read, use options that exist, and name variables and files that are known.

The grammar and the table of options stand for the engine here; a real Logstash runs them with ``run-conformance``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from lark.exceptions import LarkError
from tests.unit.logstash.language import Plugin, parse
from tests.unit.logstash.plugins import CHOICES, OPTIONS

HOME = Path(__file__).parents[3] / "logstash"
CONFIGURATIONS = sorted(HOME.rglob("*.conf"))
PAGE = Path(__file__).parents[3] / "docs" / "logstash.md"
VARIABLE = re.compile(r"\$\{([A-Za-z_.][A-Za-z0-9_.]*)(?::([^}]*))?\}")
FIELD = re.compile(r"(\[[^\[\]]+\])+\Z")


def plugins(path: Path) -> list[Plugin]:
    return parse(path.read_text(encoding="utf-8"))


def everything() -> list[tuple[str, Plugin]]:
    return [(path.name, plugin) for path in CONFIGURATIONS for plugin in plugins(path)]


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(HOME)))
def test_every_option_exists(path: Path) -> None:
    """Each plugin and each of its options is in the table, and closed choices are kept."""
    found = plugins(path)
    assert found
    for plugin in found:
        known = OPTIONS[(plugin.section, plugin.name)]
        assert set(plugin.settings) <= known, f"{plugin.section} {plugin.name}"
        for name, value in plugin.settings.items():
            if name in CHOICES and "${" not in str(value):
                assert value in CHOICES[name], f"{plugin.name}.{name}"


@pytest.mark.parametrize(
    "text",
    [
        "input { http { port => 1 }",
        "input { http { port 1 } }",
        "filter { if [a { mutate { } } }",
        "inputs { http { } }",
        'output { file { path => "x } }',
        "input { tcp { port => 1 port => 2 } }",
    ],
)
def test_what_logstash_refuses_is_refused(text: str) -> None:
    """A grammar that takes anything would prove nothing."""
    with pytest.raises((LarkError, AssertionError)):
        parse(text)


def test_conditionals_and_values_are_read() -> None:
    """All of the language, not only what the pipelines use today."""
    text = """
    filter {
      # a comment
      if [a][b] == "x" and !([c] in ["d", 'e']) { mutate { copy => { "[a]" => "[b]" } } }
      else if [m] !~ /^z/ { ruby { code => 'event.cancel' } } else { mutate { add_tag => ["t", "u"] } }
    }
    """
    assert [(plugin.name, list(plugin.settings)) for plugin in parse(text)] == [
        ("mutate", ["copy"]),
        ("ruby", ["code"]),
        ("mutate", ["add_tag"]),
    ]


def test_removed_options_are_refused() -> None:
    """Logstash 9 stops at start on each of them."""
    gone = {"ssl", "ssl_enable", "ssl_verify", "ssl_cert", "cacert", "truststore", "keystore", "verify_mode"}
    assert all(gone.isdisjoint(options) for options in OPTIONS.values())


def test_every_id_is_its_own() -> None:
    """Plugins of the files that can be loaded together have different ids."""
    for folder in ("plain", "tls"):
        files = [*(HOME / "inputs" / folder).glob("*.conf"), *(HOME / "inputs" / "files").glob("*.conf")]
        ids = [plugin.settings["id"] for path in files for plugin in plugins(path) if plugin.section != "codec"]
        assert len(ids) == len(set(ids))


def test_events_are_created_under_their_own_id() -> None:
    """A re-send meets the same document; no output may overwrite or make up an id."""
    outputs = [plugin for _, plugin in everything() if (plugin.section, plugin.name) == ("output", "elasticsearch")]
    assert len(outputs) == 3
    for output in outputs:
        kept = {name: output.settings[name] for name in ("action", "document_id", "index", "data_stream")}
        assert kept == {
            "action": "create",
            "document_id": "%{[@metadata][driftlog][id]}",
            "index": "%{[@metadata][driftlog][index]}",
            "data_stream": "false",
        }
        assert output.settings["manage_template"] is False
        assert output.settings["ilm_enabled"] is False


def test_tcp_says_whom_it_trusts() -> None:
    """The tcp input requires client certificates where nothing is said, http and beats do not."""
    tls = [plugin for path in (HOME / "inputs" / "tls").glob("*.conf") for plugin in plugins(path)]
    inputs = [plugin for plugin in tls if plugin.section == "input"]
    assert {plugin.name for plugin in inputs} == {"http", "tcp", "beats"}
    for plugin in inputs:
        assert plugin.settings["ssl_enabled"] is True
        protected = "ssl_client_authentication" in plugin.settings or {"user", "password"} <= set(plugin.settings)
        assert protected, plugin.name


def test_without_tls_only_this_machine_is_listened_to() -> None:
    """Safe defaults: another address has to be asked for."""
    for path in (HOME / "inputs" / "plain").glob("*.conf"):
        for plugin in plugins(path):
            if plugin.section == "input":
                assert plugin.settings["host"].endswith(":127.0.0.1}")


def test_no_secret_has_a_default() -> None:
    """An undefined one stops Logstash at start, which says its name."""
    for path in [*CONFIGURATIONS, HOME / "logstash.yml", HOME / "pipelines.yml"]:
        for name, default in VARIABLE.findall(path.read_text(encoding="utf-8")):
            if re.search(r"PASSWORD|API_KEY|TOKEN|SECRET", name):
                assert default == "", f"{path.name}: {name}"


def test_every_variable_is_documented() -> None:
    """docs/logstash.md names each, with its default."""
    page = PAGE.read_text(encoding="utf-8")
    missing = set()
    for path in [*CONFIGURATIONS, HOME / "logstash.yml", HOME / "pipelines.yml"]:
        for name, default in VARIABLE.findall(path.read_text(encoding="utf-8")):
            row = re.search(rf"^\| `{name}` \|(.*)$", page, re.MULTILINE)
            if row is None or (default and default not in row[1]):
                missing.add(f"{name}:{default}")
    assert not missing


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, Plugin):
        return strings(value.settings)
    if isinstance(value, dict):
        return [text for key, each in value.items() for text in [*strings(key), *strings(each)]]
    return [text for each in value for text in strings(each)] if isinstance(value, list) else []


def test_field_references_are_whole() -> None:
    """[a][b], never [a[b] or a bare bracket."""
    for name, plugin in everything():
        for text in strings(plugin.settings):
            for reference in re.findall(r"%\{([^}]*)\}", text) + ([text] if text.startswith("[") else []):
                assert FIELD.match(reference), f"{name}: {reference}"


def test_pipelines_name_files_that_exist() -> None:
    """Every combination of the variables leads to files, each pipeline with an input and an output."""
    entries = yaml.safe_load((HOME / "pipelines.yml").read_text(encoding="utf-8"))
    assert [entry["pipeline.id"] for entry in entries] == [
        "driftlog-http",
        "driftlog-lines",
        "driftlog-cloud-events",
        "driftlog-dead-letters",
    ]
    for entry in entries:
        for inputs, http in (("plain", "http"), ("tls", "http"), ("tls", "http-mutual")):
            for output in ("elasticsearch", "elasticsearch-public-ca", "elasticsearch-plain", "file"):
                chosen = {"DRIFTLOG_LOGSTASH_HOME": str(HOME), "DRIFTLOG_INPUTS": inputs, "DRIFTLOG_OUTPUT": output}
                chosen["DRIFTLOG_HTTP_INPUT"] = http
                pattern = VARIABLE.sub(lambda match, chosen=chosen: chosen[match[1]], entry["path.config"])
                head, _, rest = pattern.partition("{")
                parts, _, tail = rest.partition("}")
                files = [Path(head + part + tail) for part in parts.split(",")]
                assert all(file.is_file() for file in files), pattern
                sections = {plugin.section for file in files for plugin in plugins(file)}
                assert {"input", "filter", "output"} <= sections


def test_dead_letters_are_read_from_the_pipelines_that_write_them() -> None:
    """One reader for each pipeline whose output may refuse; what quarantine refuses stays in that pipeline's own
    dead letters, which nothing reads: it does not go in circles."""
    entries = yaml.safe_load((HOME / "pipelines.yml").read_text(encoding="utf-8"))
    writers = {entry["pipeline.id"] for entry in entries} - {"driftlog-dead-letters"}
    readers = {
        plugin.settings["pipeline_id"]
        for plugin in plugins(HOME / "inputs" / "dead-letters.conf")
        if plugin.section == "input"
    }
    assert readers == writers


def test_every_pipeline_keeps_its_queue_on_disk_and_has_dead_letters() -> None:
    """An output with `dlq_custom_codes` stops its pipeline at the start where dead letters are switched off."""
    for entry in yaml.safe_load((HOME / "pipelines.yml").read_text(encoding="utf-8")):
        assert "queue.type" not in entry
        assert "dead_letter_queue.enable" not in entry


def test_settings_are_those_of_a_durable_logstash() -> None:
    """Acknowledged means on disk."""
    settings = yaml.safe_load((HOME / "logstash.yml").read_text(encoding="utf-8"))
    assert settings["queue.type"] == "persisted"
    assert settings["dead_letter_queue.enable"] is True
    assert settings["pipeline.ecs_compatibility"] == "v8"


def test_script_parameters_are_read_by_the_script() -> None:
    """A parameter that nobody reads would be a promise nobody keeps."""
    library = (HOME / "filters" / "driftlog.rb").read_text(encoding="utf-8")
    for _, plugin in everything():
        for name in plugin.settings.get("script_params", {}):
            assert name == "home" or f'params.fetch("{name}"' in library


def test_the_cases_that_differ_say_why() -> None:
    """A case with documents of its own for Logstash explains itself."""
    for path in (Path(__file__).parents[2] / "conformance" / "intake").glob("*.json"):
        for case in json.loads(path.read_text(encoding="utf-8")):
            if "logstash_documents" in case or case.get("needs_elasticsearch"):
                assert case["logstash"], case["name"]
