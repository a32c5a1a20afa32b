"""Training examples: utterances, concatenations, synthetic sounds, and features of a trained front."""
