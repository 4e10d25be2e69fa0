"""Drift measures on counts, one a file, and the measurements of a window."""
