"""pydocs, the embedded default collection: built from the docstrings of the Python packages installed beside us."""
