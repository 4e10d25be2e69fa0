"""Concept drift: detectors over the errors of a model in the order of events."""
