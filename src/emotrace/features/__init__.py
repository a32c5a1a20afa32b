"""Acoustic features: log-Mel and linear spectrograms, deltas, autocorrelation."""
