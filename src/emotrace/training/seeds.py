"""Random state that depends on nothing but names and numbers, so that a run can go on where it stopped."""

import hashlib


def seed_of(*parts: object) -> int:
    """A seed for, say, a run's seed, a stage and an epoch; equal parts give an equal seed.

    >>> seed_of(1, "front", 3) == seed_of(1, "front", 3) != seed_of(1, "front", 4)
    True
    """
    digest = hashlib.sha256("/".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
