"""The spool: durable, bounded, owned by one process at a time, and hard to break."""

from __future__ import annotations

import sqlite3
import stat
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from driftlog.shipping.counters import Complaints, Counters
from driftlog.shipping.inspection import inspect_spool
from driftlog.shipping.spool import Spool
from driftlog.shipping.spool_file import NotOrphaned, SpoolFile
from driftlog.shipping.state_folder import service_folder


def make(folder, **settings) -> Spool:
    return Spool(folder, Counters(), Complaints(), **settings)


def drain(spool: Spool, max_events: int = 100, max_bytes: int = 10_000) -> list[bytes]:
    lines: list[bytes] = []
    while (found := spool.read(max_events, max_bytes)) is not None:
        source, batch = found
        lines += batch.body.split(b"\n")[:-1]
        assert batch.size == len(batch.body.split(b"\n")) - 1
        spool.acknowledge(source, batch.last)
    return lines


def test_lines_come_out_as_they_went_in(tmp_path):
    """In order, once."""
    spool = make(tmp_path)
    given = [b"%d" % n for n in range(1000)]
    for line in given:
        assert spool.append(line + b"\n")
    assert drain(spool) == given
    assert spool.pending == 0
    spool.close()
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_read_again_until_it_is_acknowledged(tmp_path):
    """Reading moves nothing."""
    spool = make(tmp_path)
    for n in range(10):
        spool.append(b"%d\n" % n)
    first = spool.read(4, 1000)
    assert first == spool.read(4, 1000)
    assert first is not None
    assert first[1].body == b"0\n1\n2\n3\n"
    spool.acknowledge(first[0], 2)
    again = spool.read(4, 1000)
    assert again is not None
    assert again[1].body == b"2\n3\n4\n5\n"
    spool.close()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(st.binary(min_size=0, max_size=300).map(lambda b: b.replace(b"\n", b" ")), max_size=40), st.integers(1, 7)
)
def test_any_bytes_survive(tmp_path_factory, given_lines, max_events):
    """Also NUL, invalid UTF-8 and empty lines."""
    spool = make(tmp_path_factory.mktemp("spool"))
    for line in given_lines:
        spool.append(line + b"\n")
    assert drain(spool, max_events, 500) == given_lines
    spool.close()


def test_a_large_event_travels_whole(tmp_path):
    """10 MB in one line."""
    spool = make(tmp_path)
    spool.append(b"x" * 10_000_000 + b"\n")
    spool.append(b"y\n")
    assert [len(line) for line in drain(spool)] == [10_000_000, 1]
    spool.close()


def test_files_are_private(tmp_path):
    """Folder 0700, files 0600."""
    folder = service_folder(tmp_path / "root", "my service")
    spool = make(folder)
    spool.append(b"1\n")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    spool.close()


def test_a_grown_file_is_retired_and_removed_when_drained(tmp_path):
    """Disk use goes back to one small file."""
    spool = make(tmp_path, segment_bytes=65_536)
    for n in range(500):
        spool.append(b"%d %b\n" % (n, b"x" * 1000))
    assert len(list(tmp_path.glob("*.spool"))) > 3
    assert [int(line.split()[0]) for line in drain(spool)] == list(range(500))
    assert len(list(tmp_path.glob("*.spool"))) == 1
    spool.close()


def test_compaction_shrinks_a_backlog_and_loses_nothing(tmp_path):
    """The write-ahead log is folded into the database."""
    spool = make(tmp_path, segment_bytes=1 << 20)
    for n in range(3000):
        spool.append(b"%d %b\n" % (n, b"x" * 500))
    before = spool.disk_bytes()
    spool.compact(oldest_too=True)
    assert spool.disk_bytes() < before / 2
    assert [int(line.split()[0]) for line in drain(spool)] == list(range(3000))
    spool.close()


def test_at_its_limit_the_oldest_go_and_are_counted(tmp_path):
    """What is left is the newest, without a gap, and the count is exact."""
    spool = make(tmp_path, max_bytes=1 << 20)
    for n in range(3000):
        spool.append(b"%d %b\n" % (n, b"x" * 500))
    dropped = spool._counters["dropped"]
    assert 0 < dropped < 3000
    assert [int(line.split()[0]) for line in drain(spool)] == list(range(dropped, 3000))
    spool.close()


def test_blocking_waits_for_room_and_only_so_long(tmp_path):
    """A drained spool lets the caller go on; a stuck one costs the new event."""
    spool = make(tmp_path, max_bytes=1 << 20, on_full="block", block_timeout_s=0.2)
    number = 0
    while spool.append(b"x" * 2000 + b"\n"):
        number += 1
        assert number < 5000
    assert spool._counters["dropped"] == 1
    spool.block_timeout_s = 20.0
    thread = threading.Timer(0.1, drain, (spool,))
    thread.start()
    started = time.monotonic()
    assert spool.append(b"y\n")
    assert 0.05 < time.monotonic() - started < 10
    thread.join()
    assert spool._counters["dropped"] == 1
    spool.close()


def test_what_a_dead_process_left_is_adopted(tmp_path):
    """Only the part that was not acknowledged."""
    first = make(tmp_path)
    for n in range(10):
        first.append(b"%d\n" % n)
    found = first.read(4, 1000)
    assert found is not None
    first.acknowledge(found[0], found[1].last)
    first.close()
    second = make(tmp_path)
    assert second.adopt_orphans() == 6
    second.append(b"new\n")
    assert drain(second) == [b"4", b"5", b"6", b"7", b"8", b"9", b"new"]
    second.close()
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_a_living_process_is_not_adopted(tmp_path):
    """Not even by another spool of the same process."""
    first, second = make(tmp_path), make(tmp_path)
    first.append(b"1\n")
    assert second.adopt_orphans() == 0
    path = next(tmp_path.glob("*.spool"))
    with pytest.raises(NotOrphaned):
        SpoolFile.adopt(path)
    assert [file.alive for file in inspect_spool(tmp_path).files] == [True]
    assert drain(first) == [b"1"]
    first.close()
    second.close()


def test_a_corrupt_orphan_is_set_aside(tmp_path):
    """Renamed and counted; the healthy ones are adopted."""
    first = make(tmp_path)
    first.append(b"1\n")
    first.close()
    (tmp_path / "0000000000000-1-aaaaaaaa.spool").write_bytes(b"not a database" * 1000)
    second = make(tmp_path)
    assert second.adopt_orphans() == 1
    assert second._counters["set_aside"] == 1
    assert [path.name for path in inspect_spool(tmp_path).corrupt] == ["0000000000000-1-aaaaaaaa.corrupt"]
    assert drain(second) == [b"1"]
    second.close()


def test_a_file_that_breaks_while_in_use_is_set_aside_and_logging_goes_on(tmp_path):
    """Overwritten with rubbish under our feet."""
    spool = make(tmp_path)
    for n in range(50):
        spool.append(b"%d\n" % n)
    spool._current.compact()  # type: ignore[union-attr]
    path = spool._current.path  # type: ignore[union-attr]
    size = path.stat().st_size
    path.write_bytes(b"\xff" * size)
    assert drain(spool) == []
    assert spool._counters["set_aside"] == 1
    assert spool.append(b"after\n")
    assert drain(spool) == [b"after"]
    spool.close()


def test_without_a_folder_events_stay_in_memory_up_to_a_limit(tmp_path):
    """Bounded, counted."""
    spool = make(None, memory_bytes=100)
    kept = [spool.append(b"x" * 9 + b"\n") for _ in range(15)]
    assert kept == [True] * 10 + [False] * 5
    assert (spool._counters["in_memory"], spool._counters["dropped"]) == (10, 5)
    assert len(drain(spool)) == 10
    assert spool.append(b"again\n")


def test_a_folder_that_disappears_costs_nothing(tmp_path):
    """Removed by a careless clean-up: the open file goes on, later ones go to memory."""
    folder = tmp_path / "spool"
    folder.mkdir()
    spool = make(folder, segment_bytes=65_536)
    spool.append(b"0\n")
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    for n in range(1, 200):
        assert spool.append(b"%d %b\n" % (n, b"x" * 1000))
    assert spool._counters["dropped"] == 0
    assert spool._counters["spooled"] + spool._counters["in_memory"] == 200
    spool.close()


def test_many_threads_append_without_losing_or_doubling(tmp_path):
    """Eight writers and a reader."""
    spool = make(tmp_path, segment_bytes=131_072)
    got: list[bytes] = []
    writers = [
        threading.Thread(target=lambda w=w: [spool.append(b"%d-%d\n" % (w, n)) for n in range(300)]) for w in range(8)
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        got += drain(spool, 50)
    got += drain(spool)
    assert len(got) == len(set(got)) == 2400
    spool.close()


def test_full_sync_is_set_where_it_is_asked_for(tmp_path):
    """PRAGMA synchronous: 2 is FULL, 1 is NORMAL."""
    for full_sync, level in ((True, 2), (False, 1)):
        file = SpoolFile.create(tmp_path, pid=1, started_ms=1, full_sync=full_sync)
        assert file._writer is not None
        assert file._writer.execute("PRAGMA synchronous").fetchone() == (level,)
        assert file._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        file.remove()


def test_the_age_of_the_oldest_event_is_known(tmp_path):
    """By the clock that is given."""
    now = [1000.0]
    spool = make(tmp_path, epoch=lambda: now[0])
    assert spool.oldest_age_s() is None
    spool.append(b"1\n")
    now[0] = 1007.0
    assert spool.oldest_age_s() == pytest.approx(7.0)
    spool.close()


def test_a_missing_cursor_is_no_disaster(tmp_path):
    """An orphan that died before its tables were made is empty."""
    path = tmp_path / "0000000000001-1-bbbbbbbb.spool"
    sqlite3.connect(path).close()
    path.touch()
    spool = make(tmp_path)
    assert spool.adopt_orphans() == 0
    assert drain(spool) == []
    assert not path.exists()
    spool.close()
