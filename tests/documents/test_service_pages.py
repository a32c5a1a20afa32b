"""The examples of the page about calling the service run against one; the files in deploy/ are valid."""

import base64
import io
import json
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from urllib.request import urlopen

import pytest
import soundfile
from documents.pages import ROOT, blocks, commands

pytest.importorskip("fastapi", reason='NO SERVICE: run pip install "emotrace[serve]"')

from serving.browser import browser, find_browser, running_service

from emotrace.cli.app import app
from emotrace.corpora.loaders.synthetic import multi_emotion_clip
from emotrace.inference.recogniser import load

PAGE = ROOT / "docs" / "how-to" / "call-the-service.md"
ADDRESS = "127.0.0.1:8000"
PYTHON, JAVASCRIPT = (
    [block.text for block in blocks(PAGE) if block.language == language] for language in ("python", "js")
)
CURL = [words for block in blocks(PAGE) if block.language == "sh" for words in commands(block)]
AROUND = """async (encoded) => {
  const bytes = Uint8Array.from(atob(encoded), (c) => c.charCodeAt(0));
  const file = new Blob([bytes]);
  const samples = bytes.slice(44);
  const chunks = [samples.slice(0, 64000), samples.slice(64000)];
  %s
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of a reader."""
    path = tmp_path_factory.mktemp("reader")
    clip = multi_emotion_clip()
    for name in ("interview.wav", "call.wav"):
        soundfile.write(path / name, clip.samples, clip.sample_rate_hz)
    (path / "interview.srt").write_text("1\n00:00:00,500 --> 00:00:02,000\nGood morning.\n")
    return path


@pytest.fixture(scope="module")
def service(tiny_model: Path) -> Iterator[str]:
    with running_service(load(tiny_model)) as url:
        yield url.removeprefix("http://")


def test_the_openapi_description_shows_commands_that_run(folder: Path, service: str) -> None:
    with urlopen(f"http://{service}/openapi.json") as answer:
        paths = json.load(answer)["paths"]
    for path in ("/v1/predict", "/v1/trace"):
        lines = [line.strip() for line in paths[path]["post"]["description"].splitlines()]
        shown = [shlex.split(line) for line in lines if line.startswith("curl ")]
        assert len(shown) == 2
        for words in shown:
            test_curl_examples_run(folder, service, words)


@pytest.mark.parametrize("words", CURL, ids=[" ".join(words) for words in CURL])
def test_curl_examples_run(folder: Path, service: str, words: list[str]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("NO CURL: install it to run these examples")
    command = [word.replace(ADDRESS, service) for word in words]
    done = subprocess.run(
        [*command, "--silent", "--show-error", "--fail"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "anger" in done.stdout or "sadness" in done.stdout


def test_python_examples_run(folder: Path, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert PYTHON
    for text in PYTHON:
        with redirect_stdout(io.StringIO()) as printed:
            exec(compile(text.replace(ADDRESS, service), PAGE.name, "exec"), {})  # noqa: S102
        assert "anger" in printed.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize(("number", "expected"), [(0, ("anger", "sadness")), (1, "final")])
def test_javascript_examples_run(
    folder: Path, service: str, number: int, expected: str | tuple[str, ...]
) -> None:
    program = find_browser()
    if program is None:
        pytest.skip("NO BROWSER: Chromium is not installed; run: apt-get install chromium")
    recording = base64.b64encode((folder / "interview.wav").read_bytes()).decode()
    with browser(program) as chromium:
        page = chromium.new_page()
        page.goto(f"http://{service}/healthz")
        with page.expect_console_message(lambda message: message.text.startswith(expected)):
            page.evaluate(AROUND % JAVASCRIPT[number].replace(ADDRESS, service), recording)


def test_the_container_and_the_unit_call_the_command_as_it_is() -> None:
    container = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    entry = json.loads(re.findall(r"^ENTRYPOINT (\[.*\])$", container, re.MULTILINE)[0])
    compose = (ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8")
    more = json.loads(re.findall(r"command: (\[.*\])", compose)[0])
    unit = (ROOT / "deploy" / "emotrace.service").read_text(encoding="utf-8")
    (start,) = re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE)
    for program, *tokens in ([*entry, *more], shlex.split(start)):
        assert Path(program).name == "emotrace"
        app.parse_args(tokens, print_error=False, exit_on_error=False)
    assert re.search(r"^USER 10001$", container, re.MULTILINE)
    assert "read_only: true" in compose


def test_the_container_copies_all_that_the_build_needs() -> None:
    container = (ROOT / "deploy" / "Containerfile").read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for file in (project["readme"], *project["license-files"], "constraints.txt", "pyproject.toml"):
        assert file in container
    assert "serve" in project["optional-dependencies"]


@pytest.mark.slow
def test_systemd_accepts_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("NO SYSTEMD: systemd-analyze is not installed")
    unit = (ROOT / "deploy" / "emotrace.service").read_text(encoding="utf-8")
    path = tmp_path / "emotrace.service"
    path.write_text(unit.replace("/opt/emotrace/bin/emotrace", "/bin/true"), encoding="utf-8")
    done = subprocess.run([program, "verify", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "emotrace.service" not in done.stderr
