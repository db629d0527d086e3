"""Configurations: typed, checked, written so that they can be read back, and free of Hydra."""
