"""One module for each annotation format: its parser and its writer. `annotations.registry` lists them."""
