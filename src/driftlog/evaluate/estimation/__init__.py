"""Performance without labels: CBPE for classifiers from score counts, DLE for regressors from sampled rows."""
