"""Experiments: training a model, cross-validation, tables of systems, and comparisons of runs."""
