"""Cross-validation, tables of systems, reports."""
