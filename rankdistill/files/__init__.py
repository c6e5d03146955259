"""Files of any kind: written whole or not at all, read as bytes, kept in the cache, and claimed by what made them."""
