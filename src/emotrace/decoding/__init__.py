"""From frame posteriors to labels, scores and spans. NumPy only."""
