"""Serve a cross-encoder over HTTP: requests of several clients scored together."""
