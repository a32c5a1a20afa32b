"""Heads: output layers with their losses and scores."""
