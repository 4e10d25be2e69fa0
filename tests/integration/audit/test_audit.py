"""The audit trail on a real Elasticsearch: a chain of several processes, seals, tampering, a bundle verified alone."""

from __future__ import annotations

import json
import random
import secrets
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.unit.audit.world import event

from driftlog.audit.chain import Chain
from driftlog.audit.checkpoint import drop_before
from driftlog.audit.export import export, verifier
from driftlog.audit.findings import Findings
from driftlog.audit.forget import SealKeeper
from driftlog.audit.heads import head_entry, parse_heads, signed_head
from driftlog.audit.keys import make_key, trusted_keys
from driftlog.audit.notes import notes
from driftlog.audit.story import tell
from driftlog.audit.verify import verify
from driftlog.contract.audit import AuditEntry
from driftlog.contract.auditing import AuditSettings
from driftlog.contract.erasure import ErasedEvent
from driftlog.contract.errors import StoreUnavailable
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings, ModelSettings
from driftlog.store.client import Store
from driftlog.store.templates import install, uninstall
from driftlog.store.values import BulkAction
from driftlog.worker.audit import seal

MODEL = ModelSettings(name="churn")
START = datetime(2026, 3, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)


def connect(url: str, prefix: str) -> Store:
    return Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix))


@pytest.fixture(scope="module")
def module_store(elasticsearch_url: str) -> Iterator[Store]:
    with connect(elasticsearch_url, f"test-{secrets.token_hex(4)}") as store:
        install(store)
        yield store
        uninstall(store)


@pytest.fixture
def store(module_store: Store) -> Iterator[Store]:
    yield module_store
    for info in module_store.list_indices():
        module_store.drop_index(info.name)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> AuditSettings:
    folder = tmp_path_factory.mktemp("keys")
    make_key(folder / "key.pem", folder / "key.pub.pem")
    return AuditSettings(signing_key=str(folder / "key.pem"), public_key=str(folder / "key.pub.pem"))


def note(text: str, key: str = "") -> AuditEntry:
    return AuditEntry(action="note", object=text, actor="ann", model="churn", summary=text, key=key)


def predictions(store: Store, hours: int, n: int) -> None:
    """`n` predictions in each of some hours, as they are stored; numbers of every kind among their features."""
    chance = random.Random(1)
    actions = []
    for hour in range(hours):
        for i in range(n):
            at = START + hour * HOUR + HOUR * chance.random()
            odd = {
                "tiny": 5e-324,
                "large": 1.7976931348623157e308,
                "minus": -0.0,
                "whole": 3.0,
                "text": "Grüße \U0001f600",
            }
            document = event(f"e{hour}-{i}", at, income=chance.gauss(0, 1e6), **odd)
            actions.append(BulkAction("create", store.names.predictions("churn", at), f"e{hour}-{i}", document))
    report = store.bulk(actions, refresh=True)
    assert report.stored == hours * n


def seal_all(store: Store, settings: AuditSettings, chain: Chain, at: datetime) -> int:
    return seal(store, MODEL, settings, chain, now=lambda: at)


def checked(store: Store, settings: AuditSettings, at: datetime, **options: Any) -> Findings:
    return verify(store, now=at, keys=trusted_keys(settings), **{"deep": True} | options)


def told(found: Findings) -> list[str]:
    return [f"{problem.kind} {problem.where}" for problem in found.problems]


WRITER = """
import sys
from driftlog.audit.chain import Chain
from driftlog.contract.audit import AuditEntry
from driftlog.contract.errors import StoreUnavailable
from driftlog.contract.names import IndexNames
from driftlog.contract.settings import ElasticsearchSettings
from driftlog.store.client import Store
url, prefix, name = sys.argv[1:]
with Store.connect(ElasticsearchSettings(urls=(url,)), IndexNames(prefix)) as store:
    chain = Chain(store)
    for i in range(25):
        entry = AuditEntry(action="note", object=f"{name}-{i}", actor=name)
        shared = AuditEntry(action="note", object=f"shared-{i}", actor=name, key=f"shared-{i}")
        chain.record_many([entry, shared])
"""


def test_processes_keep_one_chain(store: Store, settings: AuditSettings, elasticsearch_url: str) -> None:
    """Three processes at once: every record of each, shared keys once, and the chain is whole."""
    command = [sys.executable, "-c", WRITER, elasticsearch_url, store.names.prefix]
    running = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [process.wait(timeout=120) for process in running] == [0, 0, 0]
    found = checked(store, settings, START)
    assert found.problems == []
    assert found.records == 100
    store.refresh(store.names.audit)
    objects = [hit["_source"]["subject"] for hit in store.scan(store.names.audit, sort=[{"sequence": "asc"}])]
    for name in "abc":
        assert [text for text in objects if text.startswith(f"{name}-")] == [f"{name}-{i}" for i in range(25)]
    assert sorted(text for text in objects if text.startswith("shared")) == sorted(f"shared-{i}" for i in range(25))


def is_there(store: Store, number: int) -> bool:
    try:
        return store.get(store.names.audit, str(number)) is not None
    except StoreUnavailable:  # the index is being made
        return False


def test_a_writer_that_is_killed_leaves_a_chain_that_goes_on(
    store: Store, settings: AuditSettings, elasticsearch_url: str
) -> None:
    """Killed in the middle of writing, several times; what comes after links to what was there."""
    command = [sys.executable, "-c", WRITER, elasticsearch_url, store.names.prefix]
    for n in (1, 5, 12):
        process = subprocess.Popen([*command, f"killed{n}"])
        try:
            while not is_there(store, 2 * n) and process.poll() is None:
                time.sleep(0.05)
        finally:
            process.kill()
            process.wait()
    assert Chain(store).record(note("after")) is not None
    assert checked(store, settings, START).problems == []


def test_stored_predictions_are_as_they_were_sealed(store: Store, settings: AuditSettings) -> None:
    """Every kind of number and text comes back from Elasticsearch as the same canonical JSON."""
    predictions(store, hours=3, n=40)
    chain, at = Chain(store), START + 5 * HOUR
    assert seal_all(store, settings, chain, at) == 120
    assert seal_all(store, settings, chain, at) == 0
    found = checked(store, settings, at)
    assert (found.problems, found.seals, found.predictions) == ([], 3, 120)


def test_tampering_is_found_on_the_real_thing(store: Store, settings: AuditSettings) -> None:
    """A record, a part and predictions: changed, removed, inserted, and the tail cut off."""
    predictions(store, hours=2, n=20)
    chain, at = Chain(store), START + 5 * HOUR
    chain.record(note("before"))
    seal_all(store, settings, chain, at)
    head = signed_head(store, settings, now=at)
    assert head is not None
    chain.record(head_entry(head, actor="worker"))
    anchor = signed_head(store, settings, now=at)
    assert anchor is not None and anchor.sequence == 4
    index, names = store.names.predictions("churn", START), store.names
    before = {id: store.get(index, id) for id in ("e0-1", "e1-7")}

    changed = dict(before["e0-1"].source)  # type: ignore[union-attr]
    store.put(index, "e0-1", changed | {"prediction": {"score": 0.9}}, refresh=True)
    store.delete(index, "e1-7")
    store.create(index, "new", event("new", START + timedelta(minutes=3)), refresh=True)
    assert sorted(told(checked(store, settings, at))) == [
        "changed prediction e0-1 of churn",
        "inserted prediction new of churn",
        "removed prediction e1-7 of churn",
    ]
    for id, hit in before.items():
        store.put(index, id, hit.source)  # type: ignore[union-attr]
    store.delete(index, "new")
    assert checked(store, settings, at).problems == []

    record = store.get(names.audit, "1")
    assert record is not None
    store.put(names.audit, "1", record.source | {"actor": "bob"}, refresh=True)
    assert told(checked(store, settings, at)) == ["changed record 1"]
    store.put(names.audit, "1", record.source)
    store.delete(names.audit, "4")
    assert checked(store, settings, at).ok, "without a head from outside nobody knows"
    assert told(checked(store, settings, at, anchors=[anchor])) == ["removed record 4"]


def test_an_erased_prediction_keeps_verify_green(store: Store, settings: AuditSettings) -> None:
    """Leaf recorded, nonce dropped, event deleted."""
    predictions(store, hours=1, n=10)
    chain, at = Chain(store), START + 5 * HOUR
    seal_all(store, settings, chain, at)
    erased = ErasedEvent(store.names.predictions("churn", START), "e0-3", START, "churn", "")
    assert SealKeeper(store, chain, "janitor").forget([erased]) == 1
    store.delete(erased.index, erased.id)
    found = checked(store, settings, at)
    assert (found.problems, found.erased) == ([], 1)


def test_a_checkpoint_takes_the_place_of_old_records(store: Store, settings: AuditSettings) -> None:
    """What is left verifies; a beginning that was removed without one does not."""
    times = iter(START + i * HOUR for i in range(100))
    chain = Chain(store, now=lambda: next(times))
    for i in range(6):
        chain.record(note(f"n{i}"))
    chain.record_many([note("b0"), note("b1"), note("b2")])
    left = drop_before(store, chain, settings, START + 7 * HOUR, actor="janitor", now=START + 50 * HOUR)
    assert left is not None and left.sequence == 9
    found = checked(store, settings, START)
    assert (found.problems, found.first, found.last) == ([], 10, 10)
    chain.record(note("after"))
    store.delete(store.names.audit, "10")
    assert told(checked(store, settings, START)) == ["removed records 1 to 10"]


def test_a_bundle_verifies_itself_with_nothing_but_python(
    store: Store, settings: AuditSettings, tmp_path: Path
) -> None:
    """In an isolated interpreter without site packages; and each file tampered with is found."""
    from driftlog.audit.keys import load_signing_key

    predictions(store, hours=2, n=15)
    chain, at = Chain(store), START + 5 * HOUR
    chain.record_many([note("a"), note("b")])
    seal_all(store, settings, chain, at)
    head = signed_head(store, settings, now=at)
    assert head is not None
    chain.record(head_entry(head, actor="worker"))
    bundle, program = tmp_path / "bundle.zip", tmp_path / "verify.py"
    manifest = export(
        store,
        bundle,
        since=None,
        until=None,
        predictions=True,
        key=load_signing_key(settings),
        software="driftlog",
        now=at,
    )
    assert (manifest["first"], manifest["last"]) == (1, 5)
    assert bundle.stat().st_mode & 0o077 == 0
    program.write_bytes(verifier())

    alone = run([sys.executable, "-I", "-S", str(program), str(bundle)])
    assert alone.returncode == 0, alone.stdout + alone.stderr
    assert "nothing was changed: 5 records, 2 seals, 30 predictions" in alone.stdout
    assert "signatures were not checked" in alone.stdout
    signed = run([sys.executable, str(program), str(bundle)])
    assert signed.returncode == 0 and "2 signatures hold" in signed.stdout

    for name, old, new in [
        ("records.jsonl", b'\\"object\\":\\"a\\"', b'\\"object\\":\\"x\\"'),
        ("predictions.jsonl", b'"age": 41', b'"age": 42'),
        ("manifest.json", b'"last": 5', b'"last": 4'),
        ("public_key.pem", b"BEGIN", b"BEGUN"),
    ]:
        spoilt = spoil(bundle, tmp_path / f"spoilt-{name}.zip", name, lambda content: content.replace(old, new, 1))  # noqa: B023
        assert run([sys.executable, "-I", "-S", str(program), str(spoilt)]).returncode == 1, name
    cut = spoil(bundle, tmp_path / "cut.zip", "predictions.jsonl", lambda content: content[content.index(b"\n") + 1 :])
    said = run([sys.executable, "-I", "-S", str(program), str(redigested(cut, tmp_path / "cut2.zip"))])
    assert said.returncode == 1 and "removed (it is in the seal of record" in said.stdout
    forged = run([sys.executable, str(program), str(redigested(cut, tmp_path / "cut3.zip"))])
    assert "the manifest: forged" in forged.stdout
    assert run([sys.executable, "-I", "-S", str(program), str(program)]).returncode == 2


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def spoil(bundle: Path, to: Path, name: str, change: Any) -> Path:
    """A copy of a bundle with one file changed."""
    with zipfile.ZipFile(bundle) as source, zipfile.ZipFile(to, "w") as target:
        for member in source.namelist():
            content = source.read(member)
            target.writestr(member, change(content) if member == name else content)
    return to


def redigested(bundle: Path, to: Path) -> Path:
    """A copy whose manifest has the digests of the files as they are."""
    import hashlib

    with zipfile.ZipFile(bundle) as source:
        manifest = json.loads(source.read("manifest.json"))
        manifest["files"] = {name: hashlib.sha256(source.read(name)).hexdigest() for name in manifest["files"]}
    return spoil(bundle, to, "manifest.json", lambda content: json.dumps(manifest).encode())


def test_the_story_of_one_prediction(store: Store, settings: AuditSettings) -> None:
    """Its content, its seal with a proof that holds, the commit of its version, notes around it."""
    predictions(store, hours=2, n=15)
    chain, at = Chain(store), START + 5 * HOUR
    chain.record(
        AuditEntry(
            action="version.registered",
            object="7",
            actor="worker",
            model="churn",
            at=START - HOUR,
            details={"git": {"commit": "4f1a2b", "dirty": False}},
        )
    )
    chain.record(AuditEntry(action="note", object="churn", actor="ann", model="churn", at=START, summary="new scaler"))
    seal_all(store, settings, chain, at)
    story = tell(store, "churn", "e1-4", outcome_id="churn:e1-4")
    assert story is not None
    assert (story.seal.status, story.seal.n, len(story.seal.path)) == ("sealed", 15, 4)
    assert (story.version, story.git["commit"]) == ("7", "4f1a2b")
    assert [record.entry.summary for record in story.notes] == ["new scaler"]
    assert [record.entry.summary for record in notes(store, "churn", START, START + HOUR)] == ["new scaler"]
    assert tell(store, "churn", "nothing", outcome_id="x") is None

    hit = store.get(story.index, "e1-4")
    assert hit is not None
    store.put(story.index, "e1-4", hit.source | {"message": "x"}, refresh=True)
    changed = tell(store, "churn", "e1-4", outcome_id="churn:e1-4")
    assert changed is not None and changed.seal.status == "changed"


def test_heads_are_found_again_in_what_was_kept(store: Store, settings: AuditSettings) -> None:
    """In an email whose lines were broken, among other text."""
    Chain(store).record(note("a"))
    head = signed_head(store, settings, now=START)
    assert head is not None
    mail = "Dear all,\n\nthe head is:\n" + head.text().replace(" hash=", "\n   hash=") + "\nYours"
    assert parse_heads(mail) == [head]
    assert head.is_signed_by(trusted_keys(settings))
    assert checked(store, settings, START, anchors=parse_heads(mail)).anchors == 1
