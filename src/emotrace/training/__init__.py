"""Training of one model on one speaker split."""
