"""Metrics, significance tests, calibration. No PyTorch."""
