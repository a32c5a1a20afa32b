"""Training, evaluation on unseen speakers, and tests of significance: needs the extra `train`."""
