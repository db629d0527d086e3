"""Downstream probes: one file a kind."""
