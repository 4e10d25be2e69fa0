"""Segments side by side: what of a change is mix, and which segments are weak."""
