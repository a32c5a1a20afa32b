"""Export of trained networks to model folders."""
