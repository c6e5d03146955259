"""Files of any kind: written atomically, read as bytes, cached, and identified by the facts that shaped them."""
