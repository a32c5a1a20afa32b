"""Pretrained speech encoders, whose hidden layers can take the place of the spectrogram."""
