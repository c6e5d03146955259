"""Kernels of losses: pure functions over arrays."""
