"""Experiment trackers: finished records written where TensorBoard or Weights & Biases show them."""
