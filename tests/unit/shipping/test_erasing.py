"""Copies of a subject's events in spools: blanked under the feet of a running app, and nothing else."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from driftlog.contract.errors import UsageError
from driftlog.contract.line_names import line_names
from driftlog.contract.settings import Secret
from driftlog.shipping.erasing import LocalSpools, stored_subject
from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.refused import RefusedEvent, keep_refused, list_refused
from driftlog.shipping.spool_file import SpoolFile

SUBJECT = "5d1f0a77c2e94b0b8a61"


def line(id: str, subject: str = "", **groups: object) -> bytes:
    event = {"event": {"id": id}, "model": {"name": "churn"}, **({"subject": {"id": subject}} if subject else {})}
    return json.dumps(event | groups).encode() + b"\n"


def folder_with(tmp_path: Path, *lines: bytes) -> tuple[Path, SpoolFile]:
    folder = tmp_path / "app"
    folder.mkdir()
    file = SpoolFile.create(folder, pid=1, started_ms=1)
    for each in lines:
        file.append(each, 1)
    return folder, file


def test_a_running_app_loses_the_subject_and_goes_on(tmp_path: Path) -> None:
    """It holds the file open: rows keep their numbers, the lines of the subject are blank, new ones follow."""
    _, file = folder_with(tmp_path, line("a", SUBJECT, features={"x": 31337}), line("b", "else"))

    erased = LocalSpools(tmp_path).erase(SUBJECT, (), "")
    file.append(line("c"), 1)
    batch = file.read(10, 1 << 20)

    assert list(erased.values()) == [1]
    assert batch is not None
    assert (batch.first, batch.last, batch.body.count(b"\n")) == (1, 3, 3)
    assert [line_names(each).event_ids for each in batch.body.splitlines() if each] == [("b",), ("c",)]
    file.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file() and b"31337" in path.read_bytes()] == []


def test_delivered_rows_are_copies_too(tmp_path: Path) -> None:
    """A file goes as a whole when its last row is delivered; until then its first rows lie there."""
    _, file = folder_with(tmp_path, line("a", SUBJECT), line("b"))
    file.acknowledge(1)

    assert sum(LocalSpools(tmp_path).erase(SUBJECT, (), "").values()) == 1
    assert file.pending == 1
    file.close()


def test_feedback_on_the_subjects_predictions_goes_as_well(tmp_path: Path) -> None:
    """On those named, and on those that lie in the spool themselves."""
    feedback = [line(f"f{n}", feedback={"prediction_id": id}) for n, id in enumerate(("p-1", "a", "else"))]
    _, file = folder_with(tmp_path, line("a", SUBJECT), *feedback)

    spools = LocalSpools(tmp_path)
    assert spools.ids_of(SUBJECT, "") == {"a"}
    assert sum(spools.erase(SUBJECT, ["p-1"], "").values()) == 3
    batch = file.read(10, 1 << 20)
    assert batch is not None
    assert [line_names(each).event_ids for each in batch.body.splitlines() if each] == [("f2", "else")]
    assert spools.erase(SUBJECT, ["p-1"], "") == {}
    file.close()


def test_only_the_named_model_is_touched(tmp_path: Path) -> None:
    """The subject's predictions of other models stay."""
    _, file = folder_with(tmp_path, line("a", SUBJECT), line("b", SUBJECT, model={"name": "fraud"}))

    assert sum(LocalSpools(tmp_path).erase(SUBJECT, (), "fraud").values()) == 1
    assert LocalSpools(tmp_path).ids_of(SUBJECT, "") == {"a"}
    file.close()


def test_refused_events_are_deleted(tmp_path: Path) -> None:
    """What the receiver never took lies in a database of its own."""
    folder, file = folder_with(tmp_path)
    keep_refused(folder, RefusedEvent(1.0, 400, "no", line("a", SUBJECT)))
    keep_refused(folder, RefusedEvent(1.0, 400, "no", line("b", "else")))

    assert sum(LocalSpools(tmp_path).erase(SUBJECT, (), "").values()) == 1
    assert [line_names(event.body).event_ids for event in list_refused(folder)] == [("b",)]
    file.close()


def test_what_is_corrupt_is_named(tmp_path: Path) -> None:
    """Nobody can say what it holds."""
    folder, file = folder_with(tmp_path)
    (folder / "x.corrupt").write_bytes(b"?")

    assert LocalSpools(tmp_path).out_of_reach() == [folder / "x.corrupt"]
    assert LocalSpools(tmp_path / "none").out_of_reach() == []
    assert LocalSpools(tmp_path / "none").erase(SUBJECT, (), "") == {}
    file.close()


def test_the_id_is_hashed_as_the_app_hashes_it(tmp_path: Path) -> None:
    """The same salt gives the same id, and the spool is found by it."""
    with PredictionLogger(
        "churn", spool=tmp_path, resources_s=None, url="http://127.0.0.1:9", salt=Secret("pepper")
    ) as log:
        for subject in ("customer-4711", 'Zoë "Z" \\ 7', "42", 42):
            log.log_prediction({"x": 1.0}, label="1", score=0.5, subject=subject)
        found = [
            len(
                LocalSpools(tmp_path).ids_of(
                    stored_subject(raw, {"DRIFTLOG_MASKING_SALT": "pepper"}, tmp_path), "churn"
                )
            )
            for raw in ("customer-4711", 'Zoë "Z" \\ 7', "42", "else")
        ]
    assert found == [1, 1, 2, 0]


def test_without_the_salt_it_says_what_to_do(tmp_path: Path) -> None:
    """And makes none: it would hash to something that nobody stored."""
    with pytest.raises(UsageError, match="salt") as caught:
        stored_subject("x", {}, tmp_path)

    assert "--hashed" in caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_an_id_that_is_kept_as_it_is_is_found_in_any_spelling(tmp_path: Path) -> None:
    """JSON may write a character as itself or as an escape."""
    plain = json.dumps({"event": {"id": "a"}, "subject": {"id": "Zoë"}}, ensure_ascii=False).encode() + b"\n"
    _, file = folder_with(tmp_path, plain, line("b", "Zoë"))

    assert LocalSpools(tmp_path).ids_of("Zoë", "") == {"a", "b"}
    file.close()


def test_a_locked_file_is_an_error_to_come_back_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is in the middle of a long write."""
    from driftlog.contract.errors import SpoolError

    monkeypatch.setattr("driftlog.shipping.erasing.BUSY_S", 0.05)
    _, file = folder_with(tmp_path, line("a", SUBJECT))
    blocker = sqlite3.connect(file.path, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")

    with pytest.raises(SpoolError, match="cannot be cleaned"):
        LocalSpools(tmp_path).erase(SUBJECT, (), "")

    blocker.execute("ROLLBACK")
    blocker.close()
    file.close()
