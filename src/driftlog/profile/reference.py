"""References: build, save, activate, load. The parts are in modules of their own; this is what other rooms import."""

from __future__ import annotations

from driftlog.profile.reference_frame import reference_from_frame
from driftlog.profile.reference_store import (
    ReferenceInfo,
    activate,
    active,
    list_references,
    load_binning,
    load_reference,
    save,
)
from driftlog.profile.reference_window import reference_from_window

__all__ = [
    "ReferenceInfo",
    "activate",
    "active",
    "list_references",
    "load_binning",
    "load_reference",
    "reference_from_frame",
    "reference_from_window",
    "save",
]
