"""Checks of a model for faults that leave no trace but wrong scores."""
