"""Audio input: reading, preprocessing, quality checks, windowing."""
