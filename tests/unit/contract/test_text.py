"""The numbers that stand for a text."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.contract.errors import ConfigError
from driftlog.contract.text import (
    MAX_TOKENS,
    build_vocabulary,
    left_out_shares,
    load_vocabulary,
    save_vocabulary,
    text_numbers,
    tokens,
    with_text_numbers,
)

texts = st.lists(st.text(max_size=40), min_size=1, max_size=12)


@given(texts)
def test_a_text_of_the_vocabulary_has_no_unseen_token(found: list[str]) -> None:
    vocabulary = build_vocabulary(found)
    assert all(text_numbers(text, vocabulary).get("unseen_tokens", 0.0) == 0.0 for text in found)


@given(texts)
def test_left_out_shares_are_those_of_a_vocabulary_of_the_other_texts(found: list[str]) -> None:
    for position, share in enumerate(left_out_shares(found)):
        others = build_vocabulary(found[:position] + found[position + 1 :])
        assert share == text_numbers(found[position], others).get("unseen_tokens")


@given(st.text(max_size=200))
def test_case_changes_nothing(text: str) -> None:
    assert list(tokens(text)) == list(tokens(text.casefold()))


@given(texts)
def test_a_vocabulary_is_read_as_it_was_written(tmp_path_factory: pytest.TempPathFactory, found: list[str]) -> None:
    path = tmp_path_factory.mktemp("vocabulary") / "comment.tokens"
    save_vocabulary(build_vocabulary(found), path)
    assert load_vocabulary(path, where="text.comment") == build_vocabulary(found)


def test_a_text_of_ten_megabytes_costs_no_more_than_its_beginning() -> None:
    numbers = text_numbers("word " * 2_000_000, frozenset({"word"}))
    assert numbers == {"length": 10_000_000.0, "words": 20_000.0, "unseen_tokens": 0.0}


def test_a_vocabulary_is_bounded_and_keeps_the_frequent() -> None:
    rare = (" ".join(f"w{i + j}" for j in range(5_000)) for i in range(0, MAX_TOKENS + 5_000, 5_000))
    many = build_vocabulary(["the the", *rare, "the"])
    assert len(many) == MAX_TOKENS
    assert "the" in many


def test_empty_and_missing_texts_have_no_share() -> None:
    assert text_numbers("", frozenset()) == {"length": 0.0, "words": 0.0}
    assert with_text_numbers({"comment": None, "n": 1}, {"comment": None, "absent": None}) == {"comment": None, "n": 1}


def test_a_vocabulary_that_cannot_be_read_says_how_to_write_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load_vocabulary(tmp_path / "absent", where="text.comment")
    assert "driftlog vocabulary" in refused.value.remedy
