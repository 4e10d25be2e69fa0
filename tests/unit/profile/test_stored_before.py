"""What an earlier driftlog stored is read by this one."""

from __future__ import annotations

import zlib
from base64 import b64decode
from datetime import UTC, datetime, timedelta

from driftlog.contract.profile import ProfileKey
from driftlog.contract.window import Window
from driftlog.profile.codec import pack_outcomes, unpack_outcomes, unpack_predictions
from driftlog.profile.reference_store import unpack_reference

START = datetime(2026, 3, 3, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
KEY = ProfileKey("m", "production", "*", "*", "", "9f07deaf2ab1954cca788814d2b81c48", DAY)
OUTCOMES_1 = (
    "AQAAAAAAAAAAAAAAAAAAAAAAk4yhbgKmc2NvcmVkAKZ2YWx1ZWQCqGxvZ19sb3NzywAAAAAAAAAApWJyaWVyywAAAAAAAAAApWVycm9yywAAAAAA"
    "AAAArmFic29sdXRlX2Vycm9yy0AAAAAAAAAArXNxdWFyZWRfZXJyb3LLQAAAAAAAAACsYWN0dWFsX3NoaWZ0y0AAAAAAAAAArGFjdHVhbF90b3Rh"
    "bMsAAAAAAAAAAK5hY3R1YWxfc3F1YXJlc8sAAAAAAAAAAKdkZWxheV9zywAAAAAAAAAAkJA="
)
PREDICTIONS_1 = (
    "eNpjZFBjYGCIAOINQOwBxNMmrUpLTSwpLUot1kvcUFCUmpKZXJKZn6dXlphTmjqJmXkCw5lVjEwMqACdTzZgZAShIQ4e2EPoD1CawQFNgQOqPIdD"
    "AwB+sRXQ"
)
REFERENCE_1 = (
    "eNqbNnVh7qqCovyU0uSSzPy8hVoLtW4qWKYZmKekJqYZJSYZWpqaJCcnmltYWBiapBglWRgmm1g0LS0uSSwqufY/c5nRhMWpeSlA1vIyhqOMnYwM"
    "agwMDBFAvAGIPYB42qRVaamJJaVFqcV6iRsKilJTMsE26ZUl5pSmTmJmnsBwZhUjEwMqQOeTDRgZQWiIgwf2EPoDlGZwQFPggCrP4dAwcTIodlQa"
    "IDFz5C5mGEzuWZjHtKw4OR8YJQzLwLGRwrQiJz89Pie/uPg0TNnSpKLM1CIEN7WoKB/BXZeYVJyfU1qSGg8RhzlsbXFhaSLQYDThNYnJJaWJOfHF"
    "GZlpJRiiJfkliTlIRkPVgk1COGh5SmpOYmU8QmDChImTkVKkSsNoihxNkQOcIpuQktgRAfSwwkh06Eo4HADuG/jj"
)


def test_outcomes_of_codec_version_1() -> None:
    """Sums they did not have are zero; packed again they are of the present version."""
    profile = unpack_outcomes(b64decode(OUTCOMES_1), KEY)
    assert (profile.n, profile.valued, profile.absolute_error, profile.squared_error) == (2, 2, 2.0, 2.0)
    assert (profile.covered, profile.relative, profile.relative_error, profile.class_positive) == (0, 0, 0.0, {})
    assert unpack_outcomes(pack_outcomes(profile), KEY) == profile


def test_predictions_of_codec_version_1() -> None:
    """Counts and moments."""
    profile = unpack_predictions(zlib.decompress(b64decode(PREDICTIONS_1)), KEY)
    assert (profile.n, profile.hours) == (2, 2)
    assert profile.fields["features.a"].counts.tolist() == [0, 1, 1]
    assert (profile.fields["features.a"].minimum, profile.fields["prediction.value"].maximum) == (1.0, 3.0)


def test_a_reference_from_before_segments() -> None:
    """It has neither segments nor rows, and is whole otherwise."""
    data = zlib.decompress(b64decode(REFERENCE_1))
    reference = unpack_reference(data, id="r", n=2, origin="old", window=DAY)
    assert (reference.rows, dict(reference.segments)) == (None, {})
    assert reference.predictions.n == 2
    assert [day.valued for chunk in reference.chunks for day in chunk.outcomes] == [2]
    assert reference.sample["features.a"].tolist() == [1.0, 2.0]
