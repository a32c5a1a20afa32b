"""The functionals classifier: statistics over time, read by logistic regressions."""
