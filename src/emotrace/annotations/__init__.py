"""Annotation formats: reading segments, writing timelines and predictions."""
