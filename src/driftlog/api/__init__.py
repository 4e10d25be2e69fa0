"""driftlog from Python: results as frames, and comparisons, in a notebook or a script."""
