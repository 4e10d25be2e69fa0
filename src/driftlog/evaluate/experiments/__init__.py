"""Experiments: variants of a model compared on randomised units, at a planned end or at every look."""
