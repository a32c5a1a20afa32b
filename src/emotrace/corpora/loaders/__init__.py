"""One module per corpus, each independent of the others."""
