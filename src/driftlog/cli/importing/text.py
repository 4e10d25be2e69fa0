"""Text columns of a table: the numbers that stand for them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from driftlog.contract.errors import UsageError
from driftlog.contract.text import DERIVED, UNSEEN, Vocabulary, left_out_shares, load_vocabulary, text_numbers

if TYPE_CHECKING:
    import pandas as pd

PREFIX = "features."


def parse_vocabularies(pairs: Sequence[str], text: Sequence[str]) -> dict[str, Vocabulary | None]:
    """Text features of the settings, with the vocabularies that ``--vocabulary NAME=FILE`` names.

    Raises
    ------
    UsageError
        A pair has another form, or names a feature that is none of `text`.
    ConfigError
        A file cannot be read.
    """
    found: dict[str, Vocabulary | None] = {name.removeprefix(PREFIX): None for name in text}
    for pair in pairs:
        name, separator, file = pair.partition("=")
        name = name.removeprefix(PREFIX)
        if not (name and separator and file):
            raise UsageError(
                f"--vocabulary {pair} is not NAME=FILE", remedy="write --vocabulary comment=comment.tokens"
            )
        if name not in found:
            raise UsageError(
                f"--vocabulary: {name} is no text feature of the model",
                remedy=f"add `text: [{name}]` to its settings; text features now: {', '.join(found) or 'none'}",
            )
        found[name] = load_vocabulary(Path(file), where="--vocabulary")
    return found


def with_text_columns(
    frame: pd.DataFrame, vocabularies: dict[str, Vocabulary | None], *, leave_one_out: bool = False
) -> pd.DataFrame:
    """`frame` with the columns ``features.NAME.length``, ``.words`` and ``.unseen_tokens`` that are not there yet.

    Parameters
    ----------
    leave_one_out
        Without a vocabulary, take for each text that of all the other rows: for references.
    """
    found = frame.copy(deep=False)
    for name, vocabulary in vocabularies.items():
        column = f"{PREFIX}{name}"
        if column not in frame or all(f"{column}.{part}" in frame for part in DERIVED):
            continue
        texts = [value if isinstance(value, str) else None for value in frame[column]]
        rows = [text_numbers(text, vocabulary) if text is not None else {} for text in texts]
        if vocabulary is None and leave_one_out:
            shares = left_out_shares(text or "" for text in texts)
            rows = [
                row | ({UNSEEN: share} if share is not None else {}) for row, share in zip(rows, shares, strict=True)
            ]
        for part in DERIVED:
            values = [row.get(part) for row in rows]
            if f"{column}.{part}" not in frame and any(value is not None for value in values):
                found[f"{column}.{part}"] = [float("nan") if value is None else value for value in values]
    return found
