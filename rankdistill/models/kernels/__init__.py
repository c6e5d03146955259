"""Kernels of training on a CPU: pure functions over arrays, in one thread."""
