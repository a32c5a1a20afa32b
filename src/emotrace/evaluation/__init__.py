"""Predictions, metrics, significance tests and calibration. No module imports PyTorch."""
