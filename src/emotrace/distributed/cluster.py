"""The connection to Ray: a cluster that exists, or processes on this machine."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from emotrace.errors import MissingExtraError
from emotrace.system.processors import available_processors

_OBJECT_STORE_BYTES = 256 << 20  # results and a model pass through it, no audio


def require_ray() -> None:
    """Check that the extra is installed.

    Raises:
        MissingExtraError: if a package of it is not
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    try:
        import fsspec  # noqa: F401
        import pyarrow  # noqa: F401
        import ray  # noqa: F401
    except ImportError as error:
        raise MissingExtraError(
            f'--engine ray needs {error.name}, which is not installed; run: pip install "emotrace[ray]"'
        ) from None


@contextmanager
def connection() -> Iterator[None]:
    """Connect to the cluster that `RAY_ADDRESS` names, or start Ray on this machine, for a block.

    A connection that exists is used, and stays. Ray's dashboard, its reports of usage and its messages are
    off.
    """
    require_ray()
    import ray

    if ray.is_initialized():
        yield
        return
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # its new default, without the warning
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR)
    else:
        ray.init(
            "local",
            num_cpus=available_processors(),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
        )
    try:
        yield
    finally:
        ray.shutdown()
