"""What else goes into the trail: transitions of alerts, changed settings, heads, access to predictions."""

from __future__ import annotations

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.audit.memory import MemoryStore
from tests.unit.audit.world import HOUR, START, Clock, note

from driftlog.audit.chain import Chain
from driftlog.audit.checkpoint import drop_before
from driftlog.audit.keys import load_signing_key, load_verifying_keys, make_key, trusted_keys
from driftlog.audit.reads import record_read
from driftlog.audit.verify import verify
from driftlog.contract.alert import Alert
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.errors import ConfigError, StoreAccessDenied, UsageError
from driftlog.contract.handling import TRANSITION_KINDS, Transition
from driftlog.contract.measurement import Measurement
from driftlog.contract.notifying import NotificationSettings
from driftlog.contract.settings import (
    ElasticsearchSettings,
    ModelSettings,
    Secret,
    Settings,
    ThresholdSettings,
)
from driftlog.contract.window import Window
from driftlog.worker.audit import anchor, record_alerts
from driftlog.worker.audit_settings import flatten, record_settings

DAY = timedelta(days=1)
WINDOW = Window(START, START + DAY)


@pytest.fixture
def store() -> MemoryStore:
    made = MemoryStore()
    made.always_fresh = True
    return made


def chain(store: MemoryStore, clock: Clock | None = None) -> Chain:
    return Chain(store, now=clock or Clock(), sleep=lambda s: None)  # type: ignore[arg-type]


def entries(store: MemoryStore) -> list[dict[str, Any]]:
    stored = store.written.get(store.names.audit, {})
    return [json.loads(stored[id][1]["record"])["entry"] for id in sorted(stored, key=int)]


# Alerts


def measured() -> Measurement:
    fields = {
        "model": "churn",
        "environment": "production",
        "purpose": "performance",
        "metric": "roc_auc",
        "value": 0.6,
        "window": WINDOW,
    }
    needed = {name: value for name, value in fields.items() if name in Measurement.__struct_fields__}
    extra = {
        field.name: _blank(field)
        for field in msgspec.structs.fields(Measurement)
        if field.required and field.name not in needed
    }
    return Measurement(**needed, **extra)


def _blank(field: msgspec.structs.FieldInfo) -> Any:
    return {"datetime": START, "int": 0, "float": 0.0, "str": ""}.get(
        getattr(field.type, "__name__", str(field.type)), ""
    )


def alert(*history: Transition) -> Alert:
    return Alert(
        key="churn|production|performance|roc_auc",
        episode=1,
        model="churn",
        environment="production",
        purpose="performance",
        metric="roc_auc",
        status="open",
        severity="critical",
        title="ROC AUC fell",
        message="",
        opened=START,
        updated=START,
        evidence=measured(),
        latest=measured(),
        first_window=WINDOW,
        last_window=WINDOW,
        history=history,
    )


def test_every_transition_of_an_alert_is_recorded_once(store: MemoryStore) -> None:
    """Given whole and again, by another worker, and with what came since."""
    opened = Transition(number=1, kind="opened", at=START, severity="critical")
    acked = Transition(number=2, kind="acknowledged", at=START + HOUR, by="ann", text="looking")
    assert record_alerts(store, chain(store), [alert(opened)]) == 1  # type: ignore[arg-type]
    assert record_alerts(store, chain(store), [alert(opened, acked)]) == 1  # type: ignore[arg-type]
    assert record_alerts(store, chain(store), [alert(opened, acked)]) == 0  # type: ignore[arg-type]
    assert [(entry["action"], entry["actor"]) for entry in entries(store)] == [
        ("alert.opened", "driftlog"),
        ("alert.acknowledged", "ann"),
    ]
    assert entries(store)[1]["summary"] == "acknowledged: ROC AUC fell: looking"


def test_there_is_an_action_for_every_kind_of_transition(store: MemoryStore) -> None:
    """A new kind cannot be forgotten: the records are read back as the contract's."""
    history = [Transition(number=i, kind=kind, at=START) for i, kind in enumerate(TRANSITION_KINDS, start=1)]  # type: ignore[arg-type]
    assert record_alerts(store, chain(store), [alert(*history)]) == len(TRANSITION_KINDS)  # type: ignore[arg-type]


def test_dropped_records_are_not_written_again(store: MemoryStore, tmp_path: Path) -> None:
    """Their keys went with them; what is told again about that time is known to be old."""
    settings, clock = key_settings(tmp_path), Clock()
    old, new = Transition(number=1, kind="opened", at=START), Transition(number=2, kind="worsened", at=START + 5 * HOUR)
    record_alerts(store, chain(store, clock), [alert(old)])  # type: ignore[arg-type]
    clock.at += 4 * HOUR
    drop_before(store, chain(store, clock), settings, START + HOUR, actor="janitor", now=clock())  # type: ignore[arg-type]
    assert record_alerts(store, chain(store, clock), [alert(old, new)]) == 1  # type: ignore[arg-type]
    assert [entry["action"] for entry in entries(store)] == ["checkpoint", "alert.worsened"]
    assert verify(store, now=clock(), keys=trusted_keys(settings)).problems == []  # type: ignore[arg-type]


# Settings


def test_settings_are_recorded_when_they_change(store: MemoryStore) -> None:
    """The first time, and then what changed, path by path; thresholds besides under an action of their own."""
    before, after = (ThresholdSettings(metric="roc_auc", warning=warning) for warning in (0.7, 0.6))
    first = Settings(models=(ModelSettings(name="churn", thresholds=(before,)),))
    changed = Settings(models=(ModelSettings(name="churn", min_rows=50, thresholds=(after,)),))
    assert record_settings(store, chain(store), first, "worker 1")  # type: ignore[arg-type]
    assert not record_settings(store, chain(store), first, "worker 2")  # type: ignore[arg-type]
    assert record_settings(store, chain(store), changed, "worker 1")  # type: ignore[arg-type]
    assert record_settings(store, chain(store), first, "worker 1"), "back is a change too"  # type: ignore[arg-type]
    found = entries(store)
    assert [entry["action"] for entry in found] == [
        "settings.changed",
        "thresholds.changed",
        "settings.changed",
        "thresholds.changed",
        "settings.changed",
    ]
    assert found[2]["details"]["changes"] == {
        "models.churn.min_rows": {"from": 30, "to": 50},
        "models.churn.thresholds.0.warning": {"from": 0.7, "to": 0.6},
    }
    assert found[2]["before"] == found[0]["after"] == found[4]["after"]


def test_a_crash_between_record_and_state_is_healed(store: MemoryStore) -> None:
    """The record is there, what was kept beside it is older: the next start records nothing twice."""
    first, changed = Settings(), Settings(models=(ModelSettings(name="churn"),))
    record_settings(store, chain(store), first, "w")  # type: ignore[arg-type]
    kept = store.written[store.names.state]["audit|settings"]
    record_settings(store, chain(store), changed, "w")  # type: ignore[arg-type]
    store.written[store.names.state]["audit|settings"] = kept
    assert not record_settings(store, chain(store), changed, "w")  # type: ignore[arg-type]
    assert record_settings(store, chain(store), first, "w")  # type: ignore[arg-type]
    assert "models.churn.window" in entries(store)[-1]["details"]["changes"]


def test_no_secret_reaches_the_trail(store: MemoryStore) -> None:
    """Passwords, keys, credentials in addresses, values of headers."""
    settings = Settings(
        elasticsearch=ElasticsearchSettings(urls=("https://u:hidden1@es",), api_key=Secret("hidden2")),
        audit=AuditSettings(signing_password=Secret("hidden3")),
        notifications=NotificationSettings(),
    )
    assert "hidden" not in json.dumps(dict(flatten(settings)))


# Heads and keys


def key_settings(folder: Path, password: str = "") -> AuditSettings:
    secret = Secret(password) if password else None
    make_key(folder / "key.pem", folder / "key.pub.pem", secret)
    return AuditSettings(
        signing_key=str(folder / "key.pem"), public_key=str(folder / "key.pub.pem"), signing_password=secret
    )


def test_the_head_is_anchored_once_a_period(
    store: MemoryStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Signed, logged and recorded; not again before its time, nor when nothing is new."""
    settings, clock = key_settings(tmp_path), Clock()
    assert anchor(store, settings, chain(store, clock), now=clock) is None  # type: ignore[arg-type]
    chain(store, clock).record(note("a"))
    with caplog.at_level(logging.INFO, logger="driftlog.audit"):
        first = anchor(store, settings, chain(store, clock), now=clock)  # type: ignore[arg-type]
    assert first is not None and first.sequence == 1 and first.is_signed_by(trusted_keys(settings))
    assert first.text() in caplog.text
    chain(store, clock).record(note("b"))
    assert anchor(store, settings, chain(store, clock), now=clock) is None  # type: ignore[arg-type]
    clock.at += DAY
    second = anchor(store, settings, chain(store, clock), now=clock)  # type: ignore[arg-type]
    assert second is not None and second.sequence == 3
    clock.at += DAY
    assert anchor(store, settings, chain(store, clock), now=clock) is None  # type: ignore[arg-type]
    found = verify(store, now=clock(), keys=trusted_keys(settings), anchors=[first, second])  # type: ignore[arg-type]
    assert (found.problems, found.signatures, found.anchors) == ([], 2, 2)


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Made with 0600, encrypted by a password, never overwritten, refused when others can read it."""
    settings = key_settings(tmp_path, password="open sesame")
    path = Path(settings.signing_key)
    assert path.stat().st_mode & 0o777 == 0o600
    assert "ENCRYPTED" in path.read_text()
    assert load_signing_key(settings).id == trusted_keys(settings)[0].id
    with pytest.raises(UsageError, match="exists already"):
        make_key(path, tmp_path / "other.pem")
    with pytest.raises(ConfigError, match="does not open it"):
        load_signing_key(msgspec.structs.replace(settings, signing_password=Secret("wrong")))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        load_signing_key(settings)
    with pytest.raises(ConfigError, match="no public key"):
        load_verifying_keys("nothing", where="x")


def test_signatures_of_an_old_key_count_as_long_as_it_is_trusted(tmp_path: Path) -> None:
    """A file of public keys may hold several."""
    folders = [tmp_path / "old", tmp_path / "new"]
    for folder in folders:
        folder.mkdir()
    old, new = (key_settings(folder) for folder in folders)
    both = Path(old.public_key).read_text() + Path(new.public_key).read_text()
    ids = [key.id for key in load_verifying_keys(both, where="x")]
    assert ids == [load_signing_key(old).id, load_signing_key(new).id]


# Access to predictions


class Broken:
    """A trail that cannot be written to."""

    def record(self, entry: Any) -> None:
        raise StoreAccessDenied("no privilege", status=403)


def read(recorder: Any, settings: AuditSettings, **options: Any) -> bool:
    return record_read(
        recorder,
        settings,
        actor="ann",
        model="churn",
        what="driftlog predictions",
        n=3,
        filters={"id": "e-1", "text": None, "feature": {}, "version": "x" * 2000},
        **options,
    )


def test_who_looked_at_predictions_is_recorded(store: MemoryStore) -> None:
    """By which filters and how many; long values are cut."""
    assert read(chain(store), AuditSettings())
    (entry,) = entries(store)
    assert (entry["action"], entry["actor"]) == ("predictions.read", "ann")
    assert entry["details"] == {
        "command": "driftlog predictions",
        "n": 3,
        "filters": {"id": "e-1", "version": "x" * 500},
    }


def test_predictions_are_not_shown_when_that_cannot_be_recorded(caplog: pytest.LogCaptureFixture) -> None:
    """Unless the settings or the person say so, and then it is logged."""
    with pytest.raises(StoreAccessDenied, match="nothing is shown") as raised:
        read(Broken(), AuditSettings())
    assert "--unrecorded" in raised.value.remedy
    assert not read(Broken(), AuditSettings(), unrecorded=True)
    assert not read(Broken(), AuditSettings(reads="best_effort"))
    assert not read(Broken(), AuditSettings(reads="off"))
    assert caplog.text.count("UNRECORDED") == 2
