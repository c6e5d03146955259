"""Causal language models as re-rankers: prompt and tokens of a folder, the model made of it, a prefix computed once."""
