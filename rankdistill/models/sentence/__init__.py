"""Folders of sentence-transformers: what they state about an encoder, and the modules that follow the transformer."""
