"""What a model costs, and how much more it could carry."""
