"""Optimizers: one file each, found by name (models/registry.py)."""
