"""Table 5: all systems on one corpus."""
