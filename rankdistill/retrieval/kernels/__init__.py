"""Compiled loops of BM25: building the postings of an index, and finding the best documents of many queries."""
