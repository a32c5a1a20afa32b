"""Functionals: statistics of an utterance over time, and their linear classifiers."""
