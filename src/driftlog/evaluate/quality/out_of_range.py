"""Numbers outside the reference's range: how far, and how many."""

from __future__ import annotations

from driftlog.contract.binning import FieldBins, NumericBins
from driftlog.contract.measurement import MARK_APPROXIMATE, Measurement
from driftlog.contract.profile import FieldCounts
from driftlog.evaluate.context import SeriesContext


def out_of_range(
    before: FieldCounts, now: FieldCounts, bins: FieldBins, field: str, context: SeriesContext
) -> list[Measurement]:
    """``range_excess_sd`` and ``out_of_range_share``, where a value lies outside the reference's least and greatest.

    ``range_excess_sd`` is the distance of the farthest value, in the reference's standard deviations.

    ``out_of_range_share`` is the share of values outside. Those lie in the outer bin of their side, which is open and
    holds the reference's outermost 1 % as well: of c values there, c less what the reference would have there are
    taken to be outside, at least the one that was seen and at most all. `lower` and `upper` are those bounds, which
    hold whatever the values; the mark ``approximate`` says that they differ. Where the reference's outer bin is empty
    (its least or greatest value is frequent and has a bin of its own) the count is exact.
    """
    if not isinstance(bins, NumericBins) or before.minimum is None or before.maximum is None:
        return []
    if now.minimum is None or now.maximum is None:
        return []
    excess = max(before.minimum - now.minimum, now.maximum - before.maximum)
    if excess <= 0:
        return []
    found = [_share(before, now, field, context)]
    if bins.scale > 0:
        found.append(
            context.measurement(
                "range_excess_sd",
                "quality",
                excess / bins.scale,
                field=field,
                reference_value=0.0,
                n_reference=before.present,
                n_current=now.present,
                unit="reference sd",
                method="farthest value outside the reference's range",
                details={"minimum": now.minimum, "maximum": now.maximum},
            )
        )
    return found


def _share(before: FieldCounts, now: FieldCounts, field: str, context: SeriesContext) -> Measurement:
    n, n_before = int(now.counts.sum()), int(before.counts.sum())
    least = most = likely = 0.0
    for outside, edge in ((_below(before, now), 0), (_above(before, now), -1)):
        if not outside:
            continue
        there, usual = float(now.counts[edge]), float(before.counts[edge]) / n_before * n
        exact = usual == 0
        least += there if exact else 1.0
        most += there
        likely += min(max(there - usual, 1.0), there)
    return context.measurement(
        "out_of_range_share",
        "quality",
        likely / n,
        field=field,
        lower=least / n,
        upper=most / n,
        reference_value=0.0,
        n_reference=n_before,
        n_current=n,
        unit="share",
        method="excess of the outer bins over the reference's; bounds hold",
        marks=(MARK_APPROXIMATE,) if least < most else (),
    )


def _below(before: FieldCounts, now: FieldCounts) -> bool:
    return before.minimum is not None and now.minimum is not None and now.minimum < before.minimum


def _above(before: FieldCounts, now: FieldCounts) -> bool:
    return before.maximum is not None and now.maximum is not None and now.maximum > before.maximum
