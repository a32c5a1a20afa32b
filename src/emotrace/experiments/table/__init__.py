"""Table 5 of the paper: several systems cross-validated on one corpus, with costs and tests."""
