"""Fairness: rates, errors and calibration compared between the groups of a protected field."""
