"""Records of runs, and the reports made from them. Needs neither torch nor Hydra."""
