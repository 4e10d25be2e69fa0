"""What each group of settings says of itself, a file a group; `driftlog.config.describe` puts them together."""
