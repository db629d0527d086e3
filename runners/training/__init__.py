"""Training: one model, one objective, one budget. It knows no measuring."""
