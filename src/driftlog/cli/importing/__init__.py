"""Loading history from files: rows -> events -> Elasticsearch."""
