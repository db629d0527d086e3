"""What a job does: corpus, pretraining, losses, probes, record."""
