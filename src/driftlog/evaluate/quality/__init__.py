"""Quality of the inputs: missing, unseen, malformed and stuck values."""
