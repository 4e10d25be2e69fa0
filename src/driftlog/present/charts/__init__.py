"""Inline SVG by small pure functions: no script, no style of their own (classes of the report's style sheet)."""
