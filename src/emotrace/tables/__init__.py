"""CSV tables: one reader and one writer for manifests, segments, predictions and results."""
