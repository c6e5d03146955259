"""Comparisons by users: clicks on interleaved lists, and preferences query by query."""
