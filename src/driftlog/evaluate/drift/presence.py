"""Missing and unseen values as drift: tests of their own beside a field's distribution, combined by Holm."""

from __future__ import annotations

from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.multiple_testing import holm
from driftlog.evaluate.proportions import two_proportion_p_value


def presence_p_values(reference: FieldCounts, current: FieldCounts) -> dict[str, float]:
    """p-values of ``missing`` (out of all events) and ``unseen`` (out of usable values), each where a side has any.

    Two proportions each, i.i.d.; a share that is 0 on both sides is no test, and neither is a side without rows.
    """
    tests = {
        "missing": (reference.missing, _events(reference), current.missing, _events(current)),
        "unseen": (reference.unseen, reference.present, current.unseen, current.present),
    }
    found = {}
    for name, (before, n, now, m) in tests.items():
        p_value = two_proportion_p_value(before, n, now, m) if before or now else None
        if p_value is not None:
            found[name] = p_value
    return found


def combined_by_holm(p_value: float | None, presence: dict[str, float]) -> tuple[float | None, float | None]:
    """(the distribution's p-value adjusted for the field's other tests, p-value of "nothing about the field changed").

    The second is the smallest of Holm's adjusted p-values: it is valid whatever the dependence of the tests.

    >>> combined_by_holm(0.02, {"missing": 0.001})
    (0.02, 0.002)
    >>> combined_by_holm(None, {})
    (None, None)
    """
    tests = [*presence.values(), *([] if p_value is None else [p_value])]
    adjusted = holm(tests)
    return (None if p_value is None else adjusted[-1]), min(adjusted, default=None)


def _events(counts: FieldCounts) -> int:
    return counts.present + counts.malformed + counts.missing
