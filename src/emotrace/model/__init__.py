"""The networks of Zhao et al. (2021), part by part."""
