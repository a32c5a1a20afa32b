"""Acoustic features: log-Mel spectrograms, deltas, autocorrelation."""
