"""Each kind of index has a retention of its own, or the page says why it has none."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from driftlog.contract.auditing import RetentionSettings
from driftlog.store.ownership import KINDS, SINGLE_KINDS
from driftlog.store.retention import PERIODIC_KINDS, kept

PAGE = Path(__file__).parents[3] / "docs" / "retention.md"


@pytest.mark.parametrize("kind", PERIODIC_KINDS)
def test_a_kind_with_periods_has_a_setting(kind: str) -> None:
    """And it reaches the janitor."""
    settings = msgspec.structs.replace(RetentionSettings(), **{kind: timedelta(days=30)})
    assert kept(settings) == {kind: timedelta(days=30)}


def test_the_page_names_every_kind() -> None:
    """A new kind is documented, those without periods with the reason."""
    section = PAGE.read_text(encoding="utf-8").partition("## Every kind of index")[2].partition("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row[1])}
    assert named == set(KINDS)
    assert set(KINDS) - set(PERIODIC_KINDS) == set(SINGLE_KINDS)
    assert all(row[2].strip() for row in rows)
