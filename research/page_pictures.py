"""Pictures of the page of the service, for the documentation.

    python research/page_pictures.py OUTPUT

Chromium shows the page with the shipped model: an example at 1440 pixels, at 360 pixels and in dark
colours, and the live mode, whose microphone gives an example. OUTPUT is the folder for the files,
docs/assets.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from pathlib import Path
from typing import Any

import emotrace
from emotrace.serving.page import example_wav

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from serving.browser import browser, find_browser, running_service

EXAMPLE = "computer-voice-1"
SPEAKING_MS = 8_500
COLOURS = 200  # of the palette, so that files stay small
WIDE, NARROW = {"width": 1200, "height": 860}, {"width": 360, "height": 1180}


def save(page: Any, path: Path, top: str) -> None:
    """Write what is visible when the page is scrolled to an element."""
    from PIL import Image

    page.evaluate("id => document.getElementById(id).scrollIntoView()", top)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


def show_example(page: Any, url: str) -> None:
    """Open the page, and recognise the example."""
    page.goto(url)
    page.wait_for_selector("body[data-ready]")
    page.get_by_role("button", name=EXAMPLE.replace("-", " ")).click()
    page.get_by_text("Done:").wait_for()


def main() -> None:
    """Draw all pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    program = find_browser()
    if program is None:
        raise SystemExit("page_pictures: found no Chromium; install it")
    with tempfile.TemporaryDirectory() as folder:
        microphone = Path(folder) / "microphone.wav"
        microphone.write_bytes(example_wav(EXAMPLE))
        with running_service(emotrace.load()) as url, browser(program, microphone) as chromium:
            page = chromium.new_page(viewport=WIDE)
            show_example(page, url)
            save(page, output / "page.png", "status")
            page = chromium.new_page(viewport=NARROW)
            show_example(page, url)
            save(page, output / "page-phone.png", "result")
            page = chromium.new_page(viewport=WIDE, color_scheme="dark")
            show_example(page, url)
            save(page, output / "page-dark.png", "status")
            page.get_by_role("button", name="Speak now").click()
            page.wait_for_timeout(SPEAKING_MS)
            save(page, output / "page-live.png", "status")


if __name__ == "__main__":
    main()
