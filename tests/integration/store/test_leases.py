"""Workers share models by leases: fair shares, takeover, one holder a model, terms that only grow."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from driftlog.store.client import Store
from driftlog.store.leases import LeaseBoard

pytestmark = pytest.mark.elasticsearch

LEASE = timedelta(seconds=30)


class Clock:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def tick(*boards: LeaseBoard, models: list[str], rounds: int = 1) -> None:
    """Every board announces itself and claims, in turn."""
    for _ in range(rounds):
        for board in boards:
            board.heartbeat()
            board.claim(models)


def holders(boards: dict[str, LeaseBoard], models: list[str]) -> dict[str, list[str]]:
    return {model: [name for name, board in boards.items() if board.holds(model) is not None] for model in models}


def test_a_lone_worker_takes_every_model_with_term_one(store: Store, clock: Clock) -> None:
    """Nobody else lives: its share is everything."""
    board = LeaseBoard(store, "a", LEASE, clock)
    board.heartbeat()

    assert board.claim(["churn", "late"]) == {"churn": 1, "late": 1}


def test_a_second_worker_gets_its_share(store: Store, clock: Clock) -> None:
    """The first one releases its surplus, the second one takes it with a higher term."""
    models = [f"m{n}" for n in range(4)]
    a, b = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "b", LEASE, clock)

    tick(a, models=models)
    tick(b, a, b, models=models)

    held = a.claim(models), b.claim(models)
    assert [len(part) for part in held] == [2, 2]
    assert set(held[0]) | set(held[1]) == set(models)
    assert set(held[1].values()) == {2}


@pytest.mark.parametrize(("models", "workers"), [(4, 3), (5, 3), (1, 3), (7, 2), (3, 3)])
def test_shares_settle_and_differ_by_at_most_one(store: Store, clock: Clock, models: int, workers: int) -> None:
    """Also for the worker that came last, and once settled nothing moves any more."""
    names = [f"m{n}" for n in range(models)]
    boards = [LeaseBoard(store, f"w{n}", LEASE, clock) for n in range(workers)]
    for count in range(1, workers + 1):
        tick(*boards[:count], models=names)

    tick(*boards, models=names, rounds=3)
    settled = [board.claim(names) for board in boards]
    tick(*boards, models=names, rounds=2)

    sizes = [len(held) for held in settled]
    assert sum(sizes) == models
    assert max(sizes) - min(sizes) <= 1
    assert [board.claim(names) for board in boards] == settled


def test_a_silent_workers_models_are_taken_over_after_one_lease_time(store: Store, clock: Clock) -> None:
    """Not before: its seq_no must have stood still for a whole lease on the observer's clock."""
    a, b = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "b", LEASE, clock)
    tick(a, models=["churn"])
    tick(b, models=["churn"])

    clock.now += 29
    tick(b, models=["churn"])
    before = b.holds("churn")
    clock.now += 1
    tick(b, models=["churn"])

    assert (before, b.holds("churn")) == (None, 2)


def test_a_worker_that_renews_keeps_its_models(store: Store, clock: Clock) -> None:
    """However long the others watch."""
    a, b = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "b", LEASE, clock)
    for _ in range(10):
        tick(a, b, models=["churn"])
        clock.now += 10

    assert (a.holds("churn"), b.holds("churn")) == (1, None)


def test_a_paused_worker_does_not_believe_it_still_holds(store: Store, clock: Clock) -> None:
    """It says so from its own clock, and gives the lease up at the next renewal."""
    a, b = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "b", LEASE, clock)
    tick(a, b, models=["churn"])
    clock.now += 30
    tick(b, models=["churn"])

    assert (a.holds("churn"), b.holds("churn")) == (None, 2)
    assert a.renew() == {}


def test_released_models_are_free_at_once_and_their_terms_go_on(store: Store, clock: Clock) -> None:
    """A clean stop needs no waiting."""
    a, b = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "b", LEASE, clock)
    tick(a, models=["churn"])
    a.release_all()
    tick(b, models=["churn"])

    assert (a.holds("churn"), b.holds("churn")) == (None, 2)


def test_a_restarted_worker_of_the_same_name_waits_for_its_former_lease(store: Store, clock: Clock) -> None:
    """Two processes with one name by mistake must not take turns."""
    first, second = LeaseBoard(store, "a", LEASE, clock), LeaseBoard(store, "a", LEASE, clock)
    tick(first, second, models=["churn"])
    early = second.holds("churn")
    clock.now += 31
    tick(second, models=["churn"])

    assert (early, second.holds("churn")) == (None, 2)


def test_models_no_longer_watched_are_released(store: Store, clock: Clock) -> None:
    """So that another worker, whose configuration has them, can take them."""
    board = LeaseBoard(store, "a", LEASE, clock)
    tick(board, models=["churn", "late"])

    assert board.claim(["late"]) == {"late": 1}


def test_a_lease_whose_answer_was_lost_is_adopted(store: Store, clock: Clock) -> None:
    """The write arrived, the connection broke: the document says who holds it."""
    board = LeaseBoard(store, "a", LEASE, clock)
    tick(board, models=["churn"])
    board._held.clear()

    assert board.claim(["churn"]) == {"churn": 1}


def test_concurrent_claims_never_give_one_model_to_two(elasticsearch_url: str, store: Store, clock: Clock) -> None:
    """Eight threads reach for the same models again and again, through take-overs; each term has one holder."""
    models = [f"m{n}" for n in range(6)]
    boards = {f"w{n}": LeaseBoard(store, f"w{n}", LEASE, clock) for n in range(8)}
    granted: Counter[tuple[str, int]] = Counter()

    def work(name: str) -> list[tuple[str, int]]:
        boards[name].heartbeat()
        return list(boards[name].claim(models).items())

    with ThreadPoolExecutor(8) as pool:
        for step in range(6):
            owners: dict[tuple[str, int], set[str]] = {}
            active = list(boards)[step % 2 :: 2] if step % 3 == 2 else list(boards)
            for name, held in zip(active, pool.map(work, active), strict=True):
                for claim in held:
                    owners.setdefault(claim, set()).add(name)
            assert all(len(names) == 1 for names in owners.values()), owners
            granted.update(owners.keys())
            clock.now += 20
    for _ in range(3):
        tick(*boards.values(), models=models)

    assert all(len(names) == 1 for names in holders(boards, models).values())
    assert granted
