"""Performance from outcome profiles: metrics on sums, intervals clustered by day."""
