"""What is masked does not leave the process."""

from __future__ import annotations

import json
import stat

import pytest

from driftlog.contract.errors import ConfigError
from driftlog.contract.settings import Secret
from driftlog.shipping.logger import PredictionLogger
from driftlog.shipping.masking import DROP, Masking


class Kept:
    """A transport that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def send(self, events, use_logging=False) -> None:
        self.lines += events

    @property
    def last(self) -> dict:
        return json.loads(self.lines[-1])


def masking(**rules: str) -> Masking:
    return Masking({name.replace("__", "."): action for name, action in rules.items()}, lambda: Secret("salt"))


def test_actions():
    """drop, hash, truncate, round and keep."""
    given = masking(
        features__email="drop", features__name="hash", features__note="truncate(3)", features__x="round(-2)"
    )
    assert given.apply("features.email", "a@b") is DROP
    assert given.apply("features.note", "abcdef") == "abc"
    assert given.apply("features.x", 1234.5) == 1200.0
    assert given.apply("features.other", "x") == "x"
    assert len(given.apply("features.name", "ann")) == 32


def test_equal_values_have_equal_hashes_under_one_salt_only():
    """Hashes join, and cannot be tried out without the salt."""
    other = Masking({}, lambda: Secret("pepper"))
    assert masking().apply("subject.id", "ann") == masking().apply("subject.id", "ann")
    assert masking().apply("subject.id", "ann") != masking().apply("subject.id", "bob")
    assert masking().apply("subject.id", "ann") != other.apply("subject.id", "ann")


def test_the_first_matching_rule_decides():
    """Order counts: an exception goes before the pattern it is an exception from."""
    assert masking(**{"features.zip": "keep", "features.*": "drop"}).apply("features.zip", 1) == 1
    assert masking(**{"features.*": "drop", "features.zip": "keep"}).apply("features.zip", 1) is DROP


@pytest.mark.parametrize("action", ["shred", "truncate", "truncate(-1)", "round(x)", "", None])
def test_an_unknown_action_is_refused_at_once(action):
    """With path, value and remedy."""
    with pytest.raises(ConfigError, match=r"(?s)masking\.features\.x.*truncate\(n\)") as caught:
        Masking({"features.x": action}, lambda: Secret("s"))
    assert caught.value.value == action


def test_a_rule_that_fails_drops_the_value():
    """No salt, no value."""

    def no_salt() -> Secret:
        raise OSError("read-only")

    failures: list[str] = []
    given = Masking({}, no_salt, lambda where, error: failures.append(where))
    assert given.apply("subject.id", "ann") is DROP
    assert failures == ["masking subject.id"]


def test_no_masked_text_is_in_the_line():
    """Through the logger: features of any type, labels, subject, message, error, comment."""
    kept = Kept()
    rules = {
        "features.user.*": "hash", "features.tags": "hash", "labels.owner": "drop", "message": "truncate(5)",
        "error.message": "drop", "error.stack_trace": "drop", "feedback.comment": "drop", "prediction.label": "hash",
        "prediction.attributions.user.*": "drop",
    }  # fmt: skip
    log = PredictionLogger("m", shipping=kept, masking=rules, salt="salt")
    log.log_prediction(
        {"user": {"name": "secret-1"}, "tags": ["secret-2"], "x": 1.0},
        "secret-3",
        labels={"owner": "secret-4", "region": "eu"},
        subject="secret-5",
        message="plain secret-6",
        attributions={"user.name": 0.1, "x": 0.2},
    )
    assert kept.last["features"]["x"] == 1.0
    assert kept.last["labels"] == {"region": "eu"}
    assert kept.last["prediction"]["attributions"] == {"x": 0.2}
    try:
        raise ValueError("secret-7")
    except ValueError as error:
        log.log_error({"user": {"name": "secret-1"}}, error)
    assert kept.last["error"] == {"type": "ValueError"}
    log.log_feedback("id", "yes", comment="secret-8")
    assert b"secret-" not in b"".join(kept.lines)


def test_the_installation_has_a_salt_of_its_own(tmp_path, monkeypatch):
    """Random, kept in a file only the user can read, the same for every logger; a given one goes first."""
    monkeypatch.delenv("DRIFTLOG_MASKING_SALT", raising=False)
    monkeypatch.setenv("DRIFTLOG_SPOOL", str(tmp_path / "state"))
    kept = Kept()
    for _ in range(2):
        PredictionLogger("m", shipping=kept).log_prediction({}, 1, subject="ann")
    PredictionLogger("m", shipping=kept, salt="mine").log_prediction({}, 1, subject="ann")
    first, second, given = (json.loads(line)["subject"]["id"] for line in kept.lines)
    assert first == second != given
    assert stat.S_IMODE((tmp_path / "state" / "masking.salt").stat().st_mode) == 0o600
