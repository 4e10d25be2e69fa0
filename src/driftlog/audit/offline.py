#!/usr/bin/env python3
"""Verify a bundle of `driftlog audit export`, with nothing but Python 3.9 or newer:

    python3 verify.py bundle.zip

Nothing is unpacked, nothing is sent anywhere. Signatures are checked where the package `cryptography` is installed, and
reported as not checked where it is not. Exit code 0: everything is as it was recorded; 1: it is not; 2: no bundle.

This file stands for itself: it does not import driftlog, so that whoever relies on it can read it from end to end.
Hashes are SHA-256. A record's hash is that of its text; each record names the hash of the one before. A leaf is the
hash of 00, its nonce and the canonical JSON of [id, source]; a node of 01, left and right; the root of a seal is in its
record.
"""

from __future__ import annotations

import base64
import hashlib
import json
import sys
import zipfile
from collections.abc import Iterator
from typing import Any

MAX_LINE = 256 << 20
NO_NONCE = bytes(16)


class Bundle:
    """The files of a bundle, read where they are."""

    def __init__(self, path: str) -> None:
        self.archive = zipfile.ZipFile(path)
        self.names = set(self.archive.namelist())

    def lines(self, name: str) -> Iterator[dict[str, Any]]:
        if name not in self.names:
            return
        with self.archive.open(name) as file:
            while True:
                line = file.readline(MAX_LINE)
                if not line:
                    return
                yield json.loads(line)

    def text(self, name: str) -> str:
        return self.archive.read(name).decode() if name in self.names else ""

    def digest(self, name: str) -> str:
        hashed = hashlib.sha256()
        with self.archive.open(name) as file:  # type: IO[bytes]
            for block in iter(lambda: file.read(1 << 20), b""):
                hashed.update(block)
        return hashed.hexdigest()


class Verification:
    """What was looked at, and what is wrong."""

    def __init__(self, bundle: Bundle) -> None:
        self.bundle = bundle
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.counts: dict[str, int] = {"records": 0, "seals": 0, "predictions": 0, "erased": 0}
        self.seals: dict[int, dict[str, Any]] = {}
        self.erased: set[str] = set()
        self.dropped: list[tuple[str, str, str]] = []
        self.manifest: dict[str, Any] = {}

    def run(self) -> None:
        self.manifest = json.loads(self.bundle.text("manifest.json") or "{}")
        if self.manifest.get("type") != "driftlog-audit-bundle-1":
            raise ValueError("manifest.json is missing, or of another kind")
        self.check_files()
        self.check_records()
        self.check_signatures()
        self.check_seals()

    def check_files(self) -> None:
        for name, digest in sorted(self.manifest["files"].items()):
            if name not in self.bundle.names:
                self.problems.append(f"{name}: removed from the bundle")
            elif self.bundle.digest(name) != digest:
                self.problems.append(f"{name}: changed since the bundle was made")
        for name in sorted(self.bundle.names - set(self.manifest["files"]) - {"manifest.json", "manifest.sig"}):
            self.problems.append(f"{name}: inserted into the bundle")

    # Records

    def check_records(self) -> None:
        expected, previous = self.manifest["first"], self.manifest["previous_hash"]
        for line in self.bundle.lines("records.jsonl"):
            number, text = line["sequence"], line["record"]
            self.counts["records"] += 1
            where = f"record {number}"
            record = json.loads(text)
            if number != expected:
                kind = "removed" if number > expected else "reordered or inserted"
                self.problems.append(f"record {expected}: {kind} (record {number} comes instead)")
            elif record["previous_hash"] != previous:
                self.problems.append(f"{where}: changed, or the one before it: the hashes do not link")
            if record["sequence"] != number:
                self.problems.append(f"{where}: reordered, it holds record {record['sequence']}")
            if canonical(record) != text:
                self.problems.append(f"{where}: changed, its text is not canonical")
            self.learn(number, record)
            previous, expected = sha256(text), number + 1
        if expected != self.manifest["last"] + 1 or previous != self.manifest["hash"]:
            self.problems.append(f"records up to {self.manifest['last']}: the last one is not that of the manifest")
        for line in self.bundle.lines("context.jsonl"):
            self.learn(line["sequence"], json.loads(line["record"]), context=True)

    def learn(self, number: int, record: dict[str, Any], context: bool = False) -> None:
        entry = record["entry"]
        details = entry.get("details", {})
        if entry["action"] == "bucket.sealed" and not context:
            self.seals[number] = dict(details, model=entry["model"])
        elif entry["action"] == "subject.erased":
            leaves = details.get("leaves") or {}
            self.erased.update(leaves["hashes"] if isinstance(leaves, dict) else leaves)
        elif entry["action"] == "period.dropped":
            self.dropped.append((entry["object"], details["start"], details["end"]))

    # Signatures

    def check_signatures(self) -> None:
        pem = self.bundle.text("public_key.pem")
        signature = self.bundle.text("manifest.sig").strip()
        if not pem or not signature:
            self.notes.append("the bundle is not signed: whoever made it had no key")
            return
        try:
            from cryptography.exceptions import InvalidSignature
            from cryptography.hazmat.primitives.serialization import load_pem_public_key
        except ImportError:
            self.notes.append("signatures were not checked: the Python package cryptography is not installed here")
            return
        key: Any = load_pem_public_key(pem.encode())
        checks = [("the manifest", base64.b64decode(signature), self.bundle.text("manifest.json").encode())]
        for number, head in self.heads():
            statement = {"type": "driftlog-head"}
            statement.update({name: head[name] for name in ("prefix", "sequence", "hash", "at")})
            checks.append((f"record {number}", base64.b64decode(head["signature"]), canonical(statement).encode()))
        good = 0
        for name, signed, message in checks:
            try:
                key.verify(signed, message)
                good += 1
            except InvalidSignature:
                self.problems.append(f"{name}: forged, its signature is not that of public_key.pem")
        self.notes.append(f"{good} signatures hold; compare public_key.pem with the one you were given")

    def heads(self) -> Iterator[tuple[int, dict[str, Any]]]:
        hashes: dict[int, str] = {}
        for line in self.bundle.lines("records.jsonl"):
            hashes[line["sequence"]] = sha256(line["record"])
            entry = json.loads(line["record"])["entry"]
            if entry["action"] != "head.signed":
                continue
            head = entry["details"]
            known = hashes.get(head["sequence"])
            if known is not None and known != head["hash"]:
                self.problems.append(f"record {head['sequence']}: changed, or one before it: a head says another hash")
            if head.get("signature"):
                yield line["sequence"], head

    # Seals

    def check_seals(self) -> None:
        leaves: dict[str, list[tuple[bytes, bytes, int]]] = {}
        for number, parts in self.parts():
            self.check_seal(number, parts, leaves)
        if not self.manifest["predictions"]:
            self.notes.append("the predictions themselves are not in the bundle")
            return
        for line in self.bundle.lines("predictions.jsonl"):
            self.counts["predictions"] += 1
            self.check_prediction(line["id"], line["source"], leaves)
        for id, rest in leaves.items():
            for _, _, number in rest:
                if not self.is_dropped(self.seals[number]):
                    self.problems.append(f"prediction {id}: removed (it is in the seal of record {number})")

    def parts(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Parts by the record of their seal, in the order of the file; seals without any as well."""
        current, parts, seen = 0, list[dict[str, Any]](), set[int]()
        for line in self.bundle.lines("seals.jsonl"):
            if line["record"] != current and parts:
                yield current, parts
                parts = []
            current = line["record"]
            seen.add(current)
            parts.append(line)
        if parts:
            yield current, parts
        for number in sorted(set(self.seals) - seen):
            yield number, []

    def check_seal(self, number: int, parts: list[dict[str, Any]], leaves: dict[str, Any]) -> None:
        self.counts["seals"] += 1
        seal = self.seals.get(number)
        if seal is None:
            self.problems.append(f"record {number}: seals.jsonl has parts for it, and it is no seal")
            return
        if [part["part"] for part in parts] != list(range(len(seal["parts"]))):
            if not self.is_dropped(seal, "seals"):
                self.problems.append(f"record {number}: parts of its seal are removed, inserted or reordered")
            return
        hashes = []
        for part in parts:
            for position, (id, nonce, hash) in enumerate(unpack(part["leaves"])):
                hashes.append(hash)
                if nonce != NO_NONCE:
                    leaves.setdefault(id, []).append((nonce, hash, number))
                    continue
                self.counts["erased"] += 1
                if hash.hex() not in self.erased:
                    where = f"record {number}: leaf {position} of part {part['part']}"
                    self.problems.append(f"{where} has lost its nonce, and no record says that it was erased")
        if root_of(hashes).hex() != seal["root"]:
            self.problems.append(f"record {number}: the leaves in seals.jsonl are not those that were sealed")

    def check_prediction(self, id: str, source: Any, leaves: dict[str, Any]) -> None:
        content = canonical([id, source]).encode("utf-8", "surrogatepass")
        known = leaves.get(id)
        if not known:
            self.problems.append(f"prediction {id}: inserted, no seal in the bundle has it")
            return
        for candidate in known:
            if hashlib.sha256(b"\x00" + candidate[0] + content).digest() == candidate[1]:
                known.remove(candidate)
                break
        else:
            known.pop()
            self.problems.append(f"prediction {id}: changed, it is not what was sealed")
        if not known:
            del leaves[id]

    def is_dropped(self, seal: dict[str, Any], kind: str = "predictions") -> bool:
        """Whether a record says that retention dropped the period of a seal."""
        middle = f"-{kind}." + (seal["model"] + "." if kind == "predictions" else "")
        return any(
            middle in name and start[:19] <= seal["start"][:19] and seal["end"][:19] <= end[:19]
            for name, start, end in self.dropped
        )


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unpack(packed: str) -> Iterator[tuple[str, bytes, bytes]]:
    """Leaves as they are packed: length of the id (2 bytes), id, nonce (16), hash (32)."""
    data = base64.b64decode(packed)
    at = 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "little")
        if end + 48 > len(data):
            raise ValueError("packed leaves end in the middle of one")
        yield data[at + 2 : end].decode(), data[end : end + 16], data[end + 16 : end + 48]
        at = end + 48


def root_of(level: list[bytes]) -> bytes:
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        paired = [hashlib.sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level) - 1, 2)]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("usage: python3 verify.py bundle.zip\n")
        return 2
    try:
        verification = Verification(Bundle(arguments[0]))
        verification.run()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile) as error:
        sys.stderr.write(f"this bundle cannot be read: {type(error).__name__}: {error}\n")
        return 2
    for problem in verification.problems:
        sys.stdout.write(f"PROBLEM {problem}\n")
    for note in verification.notes:
        sys.stdout.write(f"note: {note}\n")
    looked = ", ".join(f"{count} {name}" for name, count in verification.counts.items())
    said = f"{len(verification.problems)} problems" if verification.problems else "nothing was changed"
    sys.stdout.write(f"{said}: {looked}\n")
    return 1 if verification.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
