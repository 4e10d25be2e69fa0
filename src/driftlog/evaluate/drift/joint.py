"""Drift of whole rows: measures that see a change of dependence which no single field shows. They read a sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from driftlog.contract.binning import Binning
from driftlog.contract.errors import ConfigError
from driftlog.contract.measurement import Measurement
from driftlog.contract.profile import Reference, RowSample
from driftlog.contract.settings import ModelSettings
from driftlog.evaluate.context import SeriesContext
from driftlog.evaluate.drift.domain_classifier import domain_classifier_auc
from driftlog.evaluate.drift.pca_reconstruction import pca_reconstruction

JointMeasure = Callable[[RowSample, RowSample, Binning, ModelSettings, SeriesContext], Measurement]
JOINT_MEASURES: Final[Mapping[str, JointMeasure]] = {
    "domain_classifier_auc": domain_classifier_auc,
    "pca_reconstruction": pca_reconstruction,
}
_NOTHING: Final = RowSample({}, 0)


def joint_measurements(
    reference: Reference,
    rows: RowSample | None,
    binning: Binning,
    settings: ModelSettings,
    context: SeriesContext,
) -> list[Measurement]:
    """The `joint_measures` of the settings on the window's rows against the reference's; purpose ``data_drift``.

    `field` is empty, since they are about all watched features at once. A side without rows gives value None with a
    note. Each measure is a family of its own. They carry no chunk statistics and are not judged unless a threshold of
    the settings names them.

    Raises
    ------
    ConfigError
        A name in `joint_measures` is unknown.
    """
    held = reference.rows or _NOTHING
    return [
        find_joint_measure(name, path=f"joint_measures[{index}]")(held, rows or _NOTHING, binning, settings, context)
        for index, name in enumerate(dict.fromkeys(settings.joint_measures))
    ]


def find_joint_measure(name: str, *, path: str) -> JointMeasure:
    """The joint measure of that name.

    Raises
    ------
    ConfigError
        There is none; `path` says where the name was written.
    """
    try:
        return JOINT_MEASURES[name]
    except KeyError:
        raise ConfigError(
            "is not a joint drift measure",
            path=path,
            value=name,
            remedy=f"use one of {', '.join(sorted(JOINT_MEASURES))}",
        ) from None
