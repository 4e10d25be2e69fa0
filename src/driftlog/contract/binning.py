"""Binnings: the bins a model's fields are counted in. They outlive references, so versions are counted alike."""

from __future__ import annotations

from datetime import datetime

import msgspec


class NumericBins(msgspec.Struct, frozen=True, tag="numeric", tag_field="kind"):
    """Bins of a numeric field: ``(-inf, e0), [e0, e1), ..., [ek, inf)``.

    Parameters
    ----------
    edges
        Strictly increasing finite inner edges; k edges make k + 1 bins.
    coarse
        For each bin the index of the merged bin (at most 10) it belongs to, non-decreasing from 0.
    shift, scale
        The reference's mean and standard deviation, in the field's unit; moments are kept shifted by the mean.
    single
        Indices of bins that hold one repeated value only (zeros, say), for tight bounds.
    discrete
        The reference has ties: p-values come from Monte Carlo instead of the continuous limit.
    """

    edges: tuple[float, ...]
    coarse: tuple[int, ...]
    shift: float = 0.0
    scale: float = 1.0
    single: tuple[int, ...] = ()
    discrete: bool = False
    low: float | None = None
    """The reference's 0.1 % quantile, for winsorising."""
    high: float | None = None
    """The reference's 99.9 % quantile, for winsorising."""
    minimum: float | None = None
    maximum: float | None = None

    @property
    def size(self) -> int:
        return len(self.edges) + 1


class CategoricalBins(msgspec.Struct, frozen=True, tag="categorical", tag_field="kind"):
    """Bins of a categorical field: one a value, then one bin "other" for rarer values of the reference.

    Values in neither list are *unseen* and counted apart.
    """

    values: tuple[str, ...]
    other_values: tuple[str, ...] = ()
    numeric: bool = False
    """The events hold numbers (stored as ``double``) that are declared categorical; `values` are their names."""

    @property
    def size(self) -> int:
        return len(self.values) + 1


FieldBins = NumericBins | CategoricalBins


class Binning(msgspec.Struct, frozen=True):
    """The bins of all fields of one model in one environment.

    Keys of `fields` are dotted field names of the stored events: ``features.distance``, ``prediction.score``,
    ``prediction.label``, ``prediction.value``.
    """

    id: str
    model: str
    environment: str
    fields: dict[str, FieldBins]
    created: datetime
    segments: tuple[str, ...] = ()
    """Segments counted apart, as `driftlog.contract.names.segment_name` writes them; part of the id."""
