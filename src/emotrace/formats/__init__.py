"""Results as text that people and programs read: one module per format."""
