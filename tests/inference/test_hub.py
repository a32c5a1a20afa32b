"""Models of the hub, against a server on this machine that answers as the hub does."""

import hashlib
import shutil
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from emotrace.cli.app import main
from emotrace.errors import MissingExtraError, ModelError
from emotrace.inference.recogniser import load

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub:
    """What a stand-in serves: `folder` as owner/name at `COMMIT` and at v1; `asked` are the files fetched."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        if not path.startswith("/owner/name/resolve/"):
            return 404, b"", {"X-Error-Code": "RepoNotFound"}
        revision, name = path.split("/")[-2:]
        if revision not in (COMMIT, "v1"):
            return 404, b"", {"X-Error-Code": "RevisionNotFound"}
        if not (self.folder / name).is_file():
            return 404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}
        content = (self.folder / name).read_bytes()
        etag = hashlib.sha256(content).hexdigest()
        return 200, content, {"X-Repo-Commit": COMMIT, "ETag": f'"{etag}"'}


@pytest.fixture
def hub(tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    constants = pytest.importorskip("huggingface_hub.constants")
    served = shutil.copytree(tiny_model, tmp_path / "served")
    (served / "thesis.pdf").write_bytes(b"not of the model")
    standing = Hub(served)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.reply(with_content=False)

        def do_GET(self) -> None:
            if "/resolve/" in self.path:  # the client asks for things of its own too
                standing.asked.append(self.path.rpartition("/")[2])
            self.reply(with_content=True)

        def reply(self, with_content: bool) -> None:
            code, content, headers = standing.answer(self.path)
            self.send_response(code)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            if with_content:
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", here)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", here + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path / "home"))
    yield standing
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("revision", [COMMIT, "v1"])
def test_a_model_named_by_repository_and_revision_is_fetched_once(hub: Hub, revision: str) -> None:
    assert load(f"owner/name@{revision}").config.name == "tiny"
    assert sorted(hub.asked) == ["README.md", "config.json", "model.onnx"]
    assert load(f"owner/name@{revision}").config.name == "tiny"
    assert len(hub.asked) == 3


def test_a_file_that_is_not_what_its_config_lists_is_refused(hub: Hub) -> None:
    (hub.folder / "model.onnx").write_bytes(b"altered")
    with pytest.raises(ModelError, match=r"model\.onnx is not the file"):
        load("owner/name@v1")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("owner/name@", "a commit or a tag, as in owner/name@v1"),
        ("owner/name", "a commit or a tag, as in owner/name@v1"),
        ("owner/name@v2", "check name and revision"),
        ("owner/other@v1", "check name and revision"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(
    hub: Hub, name: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["info", "--model", name])
    told = capsys.readouterr().err
    assert end.value.code == 2
    assert said in told
    assert told.count("\n") == 1
    assert hub.asked == []


def test_a_folder_of_that_name_goes_before_the_hub(
    hub: Hub, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, tmp_path / "owner" / "name@v1")
    assert load("owner/name@v1").folder.path == Path("owner/name@v1")
    assert hub.asked == []


def test_without_the_extra_the_error_says_which_install_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[hub\]"'):
        load("owner/name@v1")
