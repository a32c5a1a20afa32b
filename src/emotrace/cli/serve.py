"""`emotrace serve`: the REST service and the page."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter, validators
from cyclopts.types import PositiveFloat, PositiveInt

from emotrace.cli.options import Model, Threads
from emotrace.cli.output import DONE, print_message
from emotrace.errors import MissingExtraError
from emotrace.system.processors import available_processors


def serve(
    *,
    model: Model = None,
    host: str = "127.0.0.1",
    port: Annotated[int, Parameter(validator=validators.Number(gte=1, lte=65535))] = 8000,
    public: Annotated[bool, Parameter(negative=())] = False,
    cors: Annotated[tuple[str, ...], Parameter(negative=())] = (),
    workers: PositiveInt | None = None,
    max_waiting: PositiveInt = 64,
    max_upload_mb: PositiveFloat = 25.0,
    max_duration_min: PositiveFloat = 30.0,
    request_timeout_s: PositiveFloat = 120.0,
    max_streams: PositiveInt = 64,
    threads: Threads = None,
) -> int:
    """Serve recognition over HTTP, and a page to drop a recording on or to speak to.

    Recordings stay in memory and are never stored. If the variable EMOTRACE_TOKEN is set, clients must send
    it as a bearer token.

    Parameters
    ----------
    host
        Address to listen on. Addresses that other machines reach need --public.
    port
        Port to listen on.
    public
        Let other machines call the service.
    cors
        Origin of a page elsewhere that may call the service, such as https://example.org. May be repeated.
    workers
        Number of requests to work on at the same time. By default, the number of processors.
    max_waiting
        Number of further requests that may wait; more are answered with 429.
    max_upload_mb
        Largest request in megabytes.
    max_duration_min
        Longest recording in minutes.
    request_timeout_s
        Seconds that an upload may take, and again the work on it.
    max_streams
        Number of live streams at the same time.
    """
    try:
        from emotrace.serving.app import create_app
        from emotrace.serving.server import listen, run, token_from_environment
        from emotrace.serving.settings import LOOPBACK_HOSTS, ServiceSettings, check_host, is_loopback
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f'found no {error.name}, which the service needs; run: pip install "emotrace[serve]"'
        ) from None
    from emotrace.inference.recogniser import load

    check_host(host, public)
    settings = ServiceSettings(
        workers=workers or available_processors(),
        max_waiting=max_waiting,
        max_upload_mb=max_upload_mb,
        max_duration_s=60 * max_duration_min,
        request_timeout_s=request_timeout_s,
        max_streams=max_streams,
        token=token_from_environment(),
        cors_origins=cors,
        hosts=LOOPBACK_HOSTS if is_loopback(host) else (),
    )
    app = create_app(load(model, threads), settings)
    if settings.token is None and not is_loopback(host):
        print_message("warning: other machines can call the service without a token; set EMOTRACE_TOKEN")
    listener = listen(host, port)
    shown = f"[{host}]" if ":" in host else host
    print_message(f"serving on http://{shown}:{port}")
    run(app, listener)
    return DONE
