"""Metrics handed on to the tools beside it."""
