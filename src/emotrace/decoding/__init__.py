"""Decoding of posteriors to labels, scores and spans. NumPy only."""
