"""The page in Chromium: a file, an example, the microphone, playing, downloads, errors, access, sizes."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from serving.browser import browser, find_browser, running_service
from serving.conftest import wav

from emotrace.annotations.formats.plot import COLOURS
from emotrace.corpora.loaders.synthetic import SPEAKERS
from emotrace.inference.recogniser import Recogniser
from emotrace.serving.page import EXAMPLES, FOLDER

sync_api = pytest.importorskip("playwright.sync_api", reason="NO BROWSER: pip install playwright")
expect = sync_api.expect

WAIT_MS = 60_000


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory, loud_then_soft: np.ndarray) -> Iterator[Any]:
    """A browser whose microphone gives anger, then sadness."""
    program = find_browser()
    if program is None:
        pytest.skip("NO BROWSER: Chromium is not installed; run: apt-get install chromium")
    microphone = tmp_path_factory.mktemp("microphone") / "sound.wav"
    microphone.write_bytes(wav(loud_then_soft))
    with browser(program, microphone) as opened:
        yield opened


@pytest.fixture
def service(recogniser: Recogniser) -> Iterator[str]:
    with running_service(recogniser) as url:
        yield url


class Visit:
    """A page, and everything that went wrong on it or left this machine."""

    def __init__(self, browser: Any, url: str, width: int = 1440, height: int = 1000, **options: Any) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height}, **options)
        self.page.set_default_timeout(WAIT_MS)
        self.errors: list[str] = []
        self.foreign: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self._note(message))
        self.page.on("request", lambda request: self._check(request.url, url))
        self.page.goto(url)
        self.page.wait_for_selector("body[data-ready]")

    def _note(self, message: Any) -> None:
        if message.type == "error" and "status of 4" not in message.text:
            self.errors.append(message.text)

    def _check(self, address: str, url: str) -> None:
        if not address.startswith((url, f"blob:{url}", "data:", url.replace("http", "ws"))):
            self.foreign.append(address)

    def choose(self, content: bytes, name: str = "sound.wav") -> None:
        self.page.set_input_files("#file", {"name": name, "mimeType": "audio/wav", "buffer": content})

    def expect_done(self) -> None:
        expect(self.page.locator("#status")).to_contain_text("Done", timeout=WAIT_MS)

    def spans(self) -> list[str]:
        names: list[str] = self.page.locator("#spans button").all_inner_texts()
        return names


@pytest.fixture
def visit(chromium: Any, service: str) -> Iterator[Any]:
    """Open the page; at the end, nothing may have failed, and nothing may have been fetched elsewhere."""
    visits: list[Visit] = []

    def open_page(url: str = service, **options: Any) -> Visit:
        visits.append(Visit(chromium, url, **options))
        return visits[-1]

    yield open_page
    for opened in visits:
        opened.page.close()
        assert opened.errors == []
        assert opened.foreign == []


def test_a_file_gives_a_timeline_that_can_be_played(visit: Any, loud_then_soft: np.ndarray) -> None:
    opened = visit()
    page = opened.page
    opened.choose(wav(loud_then_soft))
    opened.expect_done()
    assert opened.spans() == ["anger", "sadness"]
    expect(page.locator("#summary")).to_contain_text("mostly expresses")
    expect(page.locator("#curves")).to_be_visible()
    for canvas in ("waveform", "spectrogram", "curves", "axis"):
        assert len(page.evaluate("id => document.getElementById(id).toDataURL()", canvas)) > 1_000
    second = page.get_by_role("button", name=re.compile("sadness, from 0:0.*Listen"))
    second.click()
    start = page.evaluate("() => document.getElementById('player').currentTime")
    assert 6.0 <= start < 13.0
    expect(second).to_have_attribute("aria-pressed", "true")
    left = page.evaluate("() => parseFloat(document.getElementById('playhead').style.left)")
    page.evaluate("() => { document.getElementById('player').currentTime = 12.9; }")
    expect(second).to_have_attribute("aria-pressed", "false")  # it stops at the end of the span
    moved = page.evaluate("() => parseFloat(document.getElementById('playhead').style.left)")
    assert moved > left


@pytest.mark.slow
def test_every_format_can_be_downloaded(visit: Any, loud_then_soft: np.ndarray) -> None:
    opened = visit()
    page = opened.page
    opened.choose(wav(loud_then_soft), "my talk.wav")
    opened.expect_done()
    buttons = page.locator("#downloads button")
    assert buttons.count() == 9
    names = []
    for number in range(buttons.count()):
        with page.expect_download() as waiting:
            buttons.nth(number).click()
        names.append(waiting.value.suggested_filename)
        content = Path(waiting.value.path()).read_bytes()
        assert content.startswith(b"\x89PNG") or b"anger" in content
    assert "my talk.TextGrid" in names
    assert "my talk.png" in names


@pytest.mark.slow
def test_speaking_shows_emotions_before_it_ends_and_the_final_result_after(visit: Any) -> None:
    opened = visit()
    page = opened.page
    page.get_by_role("button", name="Speak now").click()
    expect(page.locator("#summary")).to_contain_text("may still change", timeout=WAIT_MS)
    expect(page.locator(".span.provisional").first).to_be_visible(timeout=WAIT_MS)
    expect(page.locator("#curves")).to_be_visible(timeout=WAIT_MS)
    drawn = page.evaluate(
        "() => { const c = document.getElementById('curves'); const d = c.getContext('2d')"
        ".getImageData(0, 0, c.width, c.height).data; return d.filter((x) => x > 0).length; }"
    )
    assert drawn > 500
    page.get_by_role("button", name="Stop").click()
    opened.expect_done()
    assert page.locator(".span.provisional").count() == 0
    assert opened.spans()
    expect(page.locator("#player")).to_be_visible()
    expect(page.get_by_role("button", name="Speak now")).to_be_visible()


def test_the_voices_of_examples_are_not_those_of_the_synthetic_corpus() -> None:
    assert all(voice >= SPEAKERS for voice, _ in EXAMPLES.values())


@pytest.mark.slow
def test_an_example_needs_no_recording(visit: Any) -> None:
    opened = visit()
    opened.page.get_by_role("button", name="computer voice 1").click()
    opened.expect_done()
    expect(opened.page.locator("#result")).to_be_visible()


@pytest.mark.slow
def test_errors_are_kind(visit: Any, recogniser: Recogniser) -> None:
    opened = visit()
    error = opened.page.get_by_role("alert")
    opened.choose(b"Dear reader", "letter.txt")
    expect(error).to_contain_text("not a recording that can be read here")
    opened.choose(b"", "empty.wav")
    expect(error).to_contain_text("cannot be used")
    opened.choose(wav(np.zeros(16_000)), "silence.wav")
    opened.expect_done()
    expect(error).to_be_hidden()
    expect(opened.page.locator("#warnings")).to_contain_text("is the microphone on?")
    with running_service(recogniser, max_upload_mb=0.01) as url:
        small = visit(url)
        small.choose(wav(np.zeros(16_000)))
        expect(small.page.get_by_role("alert")).to_contain_text("too long or too large")
    with running_service(recogniser) as url:
        gone = visit(url)
    gone.choose(wav(np.zeros(16_000)))
    expect(gone.page.get_by_role("alert")).to_contain_text("does not answer")
    gone.errors.clear()  # the browser reports the refused connection


@pytest.mark.slow
def test_a_token_is_asked_for_once(visit: Any, recogniser: Recogniser, loud_then_soft: np.ndarray) -> None:
    with running_service(recogniser, token="0123456789abcdef") as url:
        opened = visit(url)
        opened.page.get_by_label("asks for a token").fill("0123456789abcdef")
        opened.page.get_by_role("button", name="Use it").click()
        expect(opened.page.locator("#model-facts")).to_contain_text("tiny")
        opened.choose(wav(loud_then_soft))
        opened.expect_done()
        opened.page.get_by_role("button", name="Speak now").click()
        expect(opened.page.locator(".span.provisional").first).to_be_visible(timeout=WAIT_MS)
        opened.page.get_by_role("button", name="Stop").click()
        opened.expect_done()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_and_has_names_for_everything(
    visit: Any, loud_then_soft: np.ndarray, width: int, scheme: str
) -> None:
    opened = visit(width=width, height=740, color_scheme=scheme)
    page = opened.page
    opened.choose(wav(loud_then_soft))
    opened.expect_done()
    assert page.evaluate("() => document.documentElement.scrollWidth") == width
    dark = page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(16, 20, 24)"
    assert dark == (scheme == "dark")
    unnamed = page.evaluate(
        """() => [...document.querySelectorAll("button, input, audio, canvas, a, [role=group]")]
            .filter((e) => !(e.ariaLabel || e.textContent.trim() || e.getAttribute("aria-labelledby")
                             || (e.labels && e.labels.length)))
            .map((e) => e.outerHTML)"""
    )
    assert unnamed == []
    focused = []
    for _ in range(12):
        page.keyboard.press("Tab")
        focused.append(page.evaluate("() => document.activeElement.id || document.activeElement.textContent"))
    assert focused[:3] == ["Skip to the recording", "file", "record"]
    assert "anger" in focused


def luminance(colour: str) -> float:
    """Relative luminance after WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in parts]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_text_has_enough_contrast_in_both_schemes() -> None:
    text = (FOLDER / "style.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.+?)\}", text, re.DOTALL)
    for block in (light, dark):
        found = dict(re.findall(r"--([\w-]+): (#\w+)", block))
        colours = {
            name: value if len(value) == 7 else "#" + "".join(2 * digit for digit in value[1:])
            for name, value in found.items()
        }
        for name in ("text", "soft", "accent", "warn"):
            for back in ("card", "back"):
                assert contrast(colours[name], colours[back]) >= 4.5, (name, back)
        assert contrast(colours["on-accent"], colours["accent"]) >= 4.5
        assert contrast(colours["error-text"], colours["error-back"]) >= 4.5


@pytest.mark.slow
def test_names_in_bars_have_enough_contrast(chromium: Any, service: str) -> None:
    page = chromium.new_page()
    page.goto(service)
    for colour in COLOURS.values():
        text = page.evaluate("async (colour) => (await import('/page/figure.js')).readable(colour)", colour)
        assert contrast(text, colour) >= 4.5
    page.close()


@pytest.mark.slow
def test_the_openapi_page_works_without_a_network(service: str, chromium: Any) -> None:
    page = chromium.new_page()
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.goto(f"{service}/docs")
    expect(page.get_by_text("The emotions of recordings over time")).to_be_visible(timeout=WAIT_MS)
    page.close()
    assert all(address.startswith((service, "data:")) for address in requested)


def test_no_file_of_the_page_names_another_address() -> None:
    for path in FOLDER.iterdir():
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?://", text), path


def test_the_files_of_the_page_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 100_000
