"""Settings of the service: limits, access and addresses."""

import ipaddress
from dataclasses import dataclass, field

from emotrace.errors import EmotraceError
from emotrace.system.processors import available_processors

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What a client may ask for, and who may ask.

    Attributes:
        workers: number of requests that are recognised at the same time
        max_waiting: number of further requests that may be uploading or waiting; more are answered with 429
        max_upload_mb: largest request body in megabytes
        max_duration_s: longest recording in seconds, checked while it is decoded
        request_timeout_s: time in seconds for the upload, and again for the work
        max_streams: number of live streams at the same time
        stream_idle_s: seconds without a message after which a live stream is closed
        token: the bearer token that clients must send; None lets everyone in
        cors_origins: origins whose pages may call the service, such as `https://example.org`
        hosts: names under which the service may be called; none allows all. Loopback addresses have the
            names of `LOOPBACK_HOSTS`, so that no foreign page can call the service under another name

    >>> ServiceSettings(max_upload_mb=2).max_upload_bytes
    2000000
    """

    workers: int = field(default_factory=available_processors)
    max_waiting: int = 64
    max_upload_mb: float = 25.0
    max_duration_s: float = 1800.0
    request_timeout_s: float = 120.0
    max_streams: int = 64
    stream_idle_s: float = 60.0
    token: str | None = None
    cors_origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = LOOPBACK_HOSTS

    @property
    def max_upload_bytes(self) -> int:
        return round(self.max_upload_mb * 1_000_000)


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach an address.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "192.168.1.2")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_host(host: str, public: bool) -> None:
    """Refuse an address that other machines reach, unless that is wanted.

    Raises:
        EmotraceError: if the address is not loopback and `public` is false
    """
    if not public and not is_loopback(host):
        raise EmotraceError(
            f"--host {host} can be reached from other machines; if that is wanted, add --public, and give a "
            "token with EMOTRACE_TOKEN"
        )
