"""Neural networks: the systems of Table 5 and their parts."""
