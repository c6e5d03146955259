"""Numba kernels over ids and rows, and random numbers that depend on ids alone."""
