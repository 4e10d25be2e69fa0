"""Bytes to lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlog.intake.framing import split_body
from driftlog.intake.line_buffer import LineBuffer

OBJECTS = st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=3), max_size=5)


@given(OBJECTS, st.sampled_from([None, 1]))
def test_an_array_is_its_elements(objects: list[dict[str, object]], indent: int | None) -> None:
    """However it is laid out."""
    lines = split_body(json.dumps(objects, indent=indent).encode(), "application/json")

    assert [json.loads(line.raw) for line in lines] == objects


@given(OBJECTS)
def test_ndjson_is_its_lines(objects: list[dict[str, object]]) -> None:
    """With carriage returns and blank lines between."""
    body = b"\r\n\n".join(json.dumps(each).encode() for each in objects)

    assert [json.loads(line.raw) for line in split_body(body, "application/x-ndjson")] == objects


@pytest.mark.parametrize(
    ("body", "elements"),
    [
        (b'[{"a":1},{"b":NaN},3]', [b'{"a":1}', b'{"b":NaN}', b"3"]),
        (b'[{"a":1},{"b"', [b'[{"a":1},{"b"']),
        (b'[{"a":1}] x', [b'[{"a":1}] x']),
        (b"[]", [b"[]"]),
    ],
)
def test_bad_arrays(body: bytes, elements: list[bytes]) -> None:
    """A NaN literal hurts its own element, a syntax error the whole array; nothing disappears but an empty array."""
    found = [line.raw for line in split_body(body, "application/json")]

    assert found == (elements if body != b"[]" else [])


@given(st.lists(st.binary(max_size=12)), st.integers(1, 7))
def test_a_stream_in_pieces_gives_the_same_lines(parts: list[bytes], size: int) -> None:
    """Wherever the network cuts."""
    stream = b"\n".join(parts)
    buffer = LineBuffer(1000)
    pieces = [buffer.take(stream[at : at + size])[0] for at in range(0, len(stream), size)]

    assert b"".join(pieces) + buffer.end()[0] == stream


def test_an_endless_line_is_not_held() -> None:
    """Its beginning and its length are kept, and the line after it is read."""
    buffer = LineBuffer(100)
    found = [buffer.take(piece) for piece in (b"x" * 90, b"x" * 90, b"x" * 50_000, b'x\n{"a":1}\n')]
    whole, cut = found[-1]

    assert cut is not None
    assert (cut.size_bytes, whole) == (50_181, b'{"a":1}\n')
