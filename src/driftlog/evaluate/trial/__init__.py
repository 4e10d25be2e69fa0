"""A candidate against the champion, on the same labelled rows."""
