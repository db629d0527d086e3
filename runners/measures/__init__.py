"""What is measured of a model: losses, likelihoods, vectors, fine-tuning."""
