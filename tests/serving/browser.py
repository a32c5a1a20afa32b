"""A running service and a browser that looks at it, for tests and for the pictures of the documentation."""

import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn

from emotrace.inference.recogniser import Recogniser
from emotrace.serving.app import create_app
from emotrace.serving.settings import ServiceSettings

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def running_service(recogniser: Recogniser, **settings: Any) -> Iterator[str]:
    """A service on a free port of this machine; gives its address."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    app = create_app(recogniser, ServiceSettings(**{"workers": 2, **settings}))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def find_browser() -> str | None:
    """The path of Chromium, None if it is not installed."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


@contextmanager
def browser(program: str, microphone: Path | None = None) -> Iterator["Browser"]:
    """Chromium without a window.

    Args:
        program: its path
        microphone: a WAV file that the microphone gives, again and again
    """
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"]
    if microphone is not None:
        options += ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
        options.append(f"--use-file-for-fake-audio-capture={microphone}")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=options)
        try:
            yield chromium
        finally:
            chromium.close()
