"""Annotation formats: parsing segments, writing timelines and predictions. `registry` lists the formats."""
