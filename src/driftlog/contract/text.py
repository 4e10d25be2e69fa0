"""Text features are watched by numbers derived from them: length, words, and the share of tokens never seen before.

The same numbers are derived where an event is logged, where history is imported and where a reference is made, so they
are defined here. For a feature ``comment`` they are ``comment.length``, ``comment.words`` and, where a vocabulary is
given, ``comment.unseen_tokens``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from driftlog.contract.errors import ConfigError

LENGTH, WORDS, UNSEEN = "length", "words", "unseen_tokens"
DERIVED: Final = (LENGTH, WORDS, UNSEEN)
MAX_CHARS: Final = 100_000
"""Tokens are read from the first 100,000 characters; the length is that of the whole text."""
MAX_TOKEN_CHARS: Final = 64
MAX_TOKENS: Final = 200_000
"""Tokens of a vocabulary, the most frequent first."""
_TOKEN: Final = re.compile(r"\w+")

Vocabulary = frozenset[str]


def tokens(text: str) -> Iterator[str]:
    """Runs of letters, digits and underscores, without regard to case.

    >>> list(tokens("Grüße, don't PANIC"))
    ['grüsse', 'don', 't', 'panic']
    """
    for match in _TOKEN.finditer(text[:MAX_CHARS]):
        yield match.group().casefold()[:MAX_TOKEN_CHARS]


def text_numbers(text: str, vocabulary: Vocabulary | None = None) -> dict[str, float]:
    """Characters, tokens, and the share of the tokens that are not in `vocabulary` (of a text with tokens).

    >>> text_numbers("late again", frozenset({"late"}))
    {'length': 10.0, 'words': 2.0, 'unseen_tokens': 0.5}
    """
    words = list(tokens(text))
    numbers = {LENGTH: float(len(text)), WORDS: float(len(words))}
    if vocabulary is not None and words:
        numbers[UNSEEN] = sum(word not in vocabulary for word in words) / len(words)
    return numbers


def build_vocabulary(texts: Iterable[str]) -> Vocabulary:
    """The tokens of texts: all of them, or the `MAX_TOKENS` most frequent (of equals the first in the alphabet)."""
    counts = Counter(token for text in texts for token in tokens(text))
    if len(counts) <= MAX_TOKENS:
        return frozenset(counts)
    return frozenset(sorted(counts, key=lambda token: (-counts[token], token))[:MAX_TOKENS])


def left_out_shares(texts: Iterable[str]) -> Iterator[float | None]:
    """For each text the share of its tokens that occur in no other text; None for a text without tokens.

    What a vocabulary of all the others would give: measured on the texts it was built from, a vocabulary has no unseen
    tokens, and every later text would look different.
    """
    held = [list(tokens(text)) for text in texts]
    documents = Counter(token for words in held for token in set(words))
    for words in held:
        yield sum(documents[word] == 1 for word in words) / len(words) if words else None


def save_vocabulary(vocabulary: Vocabulary, path: Path) -> None:
    """Write a vocabulary: UTF-8, one token a line, in order."""
    path.write_text("".join(f"{token}\n" for token in sorted(vocabulary)), encoding="utf-8")


def load_vocabulary(path: Path, *, where: str) -> Vocabulary:
    """Read what `save_vocabulary` wrote.

    Raises
    ------
    ConfigError
        The file cannot be read; `where` says who named it.
    """
    try:
        return frozenset(path.read_text(encoding="utf-8").split("\n")) - {""}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"cannot be read: {error}",
            path=where,
            value=str(path),
            remedy="write it with `driftlog vocabulary training.csv --feature NAME --out FILE`",
        ) from error


def with_text_numbers(
    features: Mapping[str, object], vocabularies: Mapping[str, Vocabulary | None]
) -> dict[str, object]:
    """`features` and the numbers of those that are named in `vocabularies` and hold a text."""
    found = dict(features)
    for name, vocabulary in vocabularies.items():
        text = features.get(name)
        if isinstance(text, str):
            found |= {f"{name}.{part}": number for part, number in text_numbers(text, vocabulary).items()}
    return found


def named_vocabularies(given: Iterable[str] | Mapping[str, str | Path | None]) -> dict[str, Vocabulary | None]:
    """Text features with their vocabularies: names alone, or names with the files of their vocabularies.

    >>> named_vocabularies(["comment"])
    {'comment': None}

    Raises
    ------
    ConfigError
        A file cannot be read.
    """
    files = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given)
    return {
        name.removeprefix("features."): None if file is None else load_vocabulary(Path(file), where=f"text.{name}")
        for name, file in files.items()
    }
