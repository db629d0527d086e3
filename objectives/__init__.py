"""Pretraining objectives: one file each, found by name (see registry.py)."""
