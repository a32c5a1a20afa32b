"""Bad input, systematically: valid files and model folders, damaged in every way we know, fed to the runtime.

    python -m fuzz --count 20000        # with tests/ on the path; `make fuzz` does it

`sources` makes valid files, `mutations`, `folders` and `networks` damage them, `judge` feeds one to the
runtime and says what is wrong with what came, `worker` does so for many in a process of its own, `survey`
watches workers and counts.
Input `number` of `seed` is the same bytes wherever the same libsndfile is installed.
"""
