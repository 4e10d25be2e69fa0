"""`driftlog audit export`: records of a time, their seals, on request the predictions, and a verifier, in one file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from typing import IO, Any, Final

from driftlog.audit.canonical import sha256
from driftlog.audit.clusters import clusters
from driftlog.audit.keys import SigningKey
from driftlog.audit.sealing import events_query
from driftlog.audit.seals import Seal, instant, part_id, seal_of, unpack
from driftlog.audit.verify_chain import Progress
from driftlog.contract.errors import UsageError
from driftlog.store.client import Store
from driftlog.store.values import Document

TYPE: Final = "driftlog-audit-bundle-1"
CONTEXT: Final = ("subject.erased", "period.dropped")
_PAGE: Final = 500
README: Final = """\
Audit trail of {prefix}, records {first} to {last}, made {made} by {software}.

  manifest.json       what the bundle holds, with the SHA-256 of each file; manifest.sig signs it (Ed25519)
  records.jsonl       the records: the text under each hash, one a line
  context.jsonl       records from outside this span that say what was erased or dropped by retention
  seals.jsonl         leaves of the sealed buckets: id, nonce and hash of each prediction
  predictions.jsonl   the predictions as stored, where they were asked for
  public_key.pem      compare it with the one you were given by other means
  verify.py           python3 verify.py {name}

verify.py needs nothing but Python 3.9 or newer, and unpacks nothing. Take it from a driftlog that you trust if you do
not trust where this bundle comes from: `driftlog audit export --verifier verify.py` writes it.
"""


def verifier() -> bytes:
    """The offline verifier: one Python file that needs the standard library only."""
    return files("driftlog.audit").joinpath("offline.py").read_bytes()


def export(
    store: Store,
    path: Path,
    *,
    since: datetime | None,
    until: datetime | None,
    predictions: bool,
    key: SigningKey | None,
    software: str,
    now: datetime,
    progress: Progress = lambda stage, done, total: None,
) -> Document:
    """Write a bundle of the records made in [since, until) to `path`; return its manifest.

    Raises
    ------
    UsageError
        There is no record of that time, or `path` cannot be written.
    """
    first, last = _span(store, since, until)
    manifest: Document = {
        "type": TYPE,
        "prefix": store.names.prefix,
        "software": software,
        "made": instant(now),
        "first": first,
        "last": last,
        "predictions": predictions,
        "files": {},
    }
    try:
        with _new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            _fill(_Writer(archive, manifest), store, manifest, predictions=predictions, key=key, progress=progress)
            _finish(archive, manifest, path.name, key)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}", remedy="name another file with -o") from error
    return manifest


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that only its owner can read, in place when it is complete."""
    partial = path.with_name(f"{path.name}.part")
    try:
        with os.fdopen(os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
            yield file
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


class _Writer:
    """Adds files to the archive and their digests to the manifest."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Document) -> None:
        self._archive = archive
        self._manifest = manifest

    @contextmanager
    def lines(self, name: str) -> Iterator[Any]:
        hashed = hashlib.sha256()
        with self._archive.open(name, "w", force_zip64=True) as file:

            def write(value: Document) -> None:
                line = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") + b"\n"
                hashed.update(line)
                file.write(line)

            yield write
        self._manifest["files"][name] = hashed.hexdigest()

    def file(self, name: str, content: bytes) -> None:
        self._archive.writestr(name, content)
        self._manifest["files"][name] = hashlib.sha256(content).hexdigest()


def _fill(
    writer: _Writer,
    store: Store,
    manifest: Document,
    *,
    predictions: bool,
    key: SigningKey | None,
    progress: Progress,
) -> None:
    seals: list[Seal] = []
    first, last = manifest["first"], manifest["last"]
    with writer.lines("records.jsonl") as write:
        for number, text in _texts(store, first, last):
            record = json.loads(text)
            if number == first:
                manifest["previous_hash"] = record["previous_hash"]
            if record["entry"]["action"] == "bucket.sealed":
                seals.append(seal_of(record))
            manifest["hash"] = sha256(text)
            write({"sequence": number, "record": text})
            if number % _PAGE == 0 or number == last:
                progress("records", number - first + 1, last - first + 1)
    with writer.lines("context.jsonl") as write:
        for number, text in _context(store, first, last):
            write({"sequence": number, "record": text})
    with writer.lines("seals.jsonl") as write:
        for seal in seals:
            for part, leaves in _parts(store, seal):
                write({"record": seal.sequence, "part": part, "leaves": leaves})
    if predictions:
        with writer.lines("predictions.jsonl") as write:
            _write_predictions(store, seals, write, progress)
    if key is not None:
        writer.file("public_key.pem", key.public.pem().encode())
    writer.file("verify.py", verifier())


def _finish(archive: zipfile.ZipFile, manifest: Document, name: str, key: SigningKey | None) -> None:
    about = {key: manifest[key] for key in ("prefix", "first", "last", "made", "software")}
    readme = README.format(name=name, **about).encode()
    archive.writestr("README.txt", readme)
    manifest["files"]["README.txt"] = hashlib.sha256(readme).hexdigest()
    text = json.dumps(manifest, indent=2, sort_keys=True)
    archive.writestr("manifest.json", text)
    if key is not None:
        archive.writestr("manifest.sig", base64.b64encode(key.sign(text.encode())).decode() + "\n")


def _span(store: Store, since: datetime | None, until: datetime | None) -> tuple[int, int]:
    """First and last number of the records made in [since, until)."""
    limits = {name: instant(when) for name, when in (("gte", since), ("lt", until)) if when is not None}
    query: Document = {"range": {"recorded": limits}} if limits else {"match_all": {}}
    store.refresh(store.names.audit)
    ends = []
    for order in ("asc", "desc"):
        sort = [{"sequence": {"order": order, "unmapped_type": "long"}}]
        body: Document = {"query": query, "size": 1, "sort": sort, "_source": ["sequence"]}
        hits = store.search(store.names.audit, body)["hits"]["hits"]
        if not hits:
            raise UsageError(
                "there is no audit record of that time", remedy="`driftlog audit list` shows what there is"
            )
        ends.append(int(hits[0]["_source"]["sequence"]))
    return ends[0], ends[1]


def _texts(store: Store, first: int, last: int) -> Iterator[tuple[int, str]]:
    for start in range(first, last + 1, _PAGE):
        page = range(start, min(start + _PAGE, last + 1))
        found = store.mget(store.names.audit, [str(number) for number in page], source=["record"])
        for number in page:
            if str(number) in found:
                yield number, str(found[str(number)]["record"])


def _context(store: Store, first: int, last: int) -> Iterator[tuple[int, str]]:
    query = {"bool": {"filter": [{"terms": {"action": list(CONTEXT)}}]}}
    for hit in store.scan(store.names.audit, query, source=["sequence", "record"]):
        number = int(hit["_source"]["sequence"])
        if not first <= number <= last:
            yield number, str(hit["_source"]["record"])


def _parts(store: Store, seal: Seal) -> Iterator[tuple[int, str]]:
    index = store.names.monthly("seals", seal.bucket.start)
    for part in range(len(seal.parts)):
        hit = store.get(index, part_id(seal, part))
        if hit is not None:
            yield part, str(hit.source["leaves"])


def _write_predictions(store: Store, seals: Sequence[Seal], write: Any, progress: Progress) -> None:
    """The predictions of `seals`; what the same buckets hold besides is left out."""
    total, done = sum(seal.n for seal in seals), 0
    for cluster in clusters(seals):
        ids = {leaf.id for seal in cluster.seals for _, leaves in _parts(store, seal) for leaf in unpack(leaves)}
        query = events_query(cluster.environment, cluster.span)
        for hit in store.scan(store.names.all_predictions(cluster.model), query):
            if hit["_id"] in ids:
                write({"id": hit["_id"], "source": hit["_source"]})
        done += sum(seal.n for seal in cluster.seals)
        progress("predictions", done, total)
