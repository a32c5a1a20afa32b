"""Fuzz testing of the runtime: valid files and model folders are damaged systematically and given to it.

    python -m fuzz --count 20000        # with tests/ on the path; `make fuzz` does it

`sources` makes valid files; `mutations`, `folders` and `networks` damage them. `check` gives one input to the
runtime and checks the outcome; `worker` does so for many inputs in a process of its own. `survey` watches the
workers and counts outcomes.
A seed and a number give the same bytes wherever the same libsndfile is installed.
"""
