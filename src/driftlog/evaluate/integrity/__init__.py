"""Pipeline integrity: loss, duplicates, lag, clocks, quarantine and silence of one window."""
