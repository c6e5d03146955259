"""A cross-encoder constructed, not trained, so that its first scores are its base encoder's cosine."""
