"""Models on the hub, tested with a local server that behaves like the hub."""

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
    """A local hub: it serves `folder` as owner/name at `COMMIT` and at v1; `fetched` lists the requests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fetched: list[str] = []

    def respond(self, path: str) -> tuple[int, bytes, dict[str, str]]:
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
    local = Hub(served)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self.reply(with_content=False)

        def do_GET(self) -> None:
            if "/resolve/" in self.path:  # the client makes other requests too
                local.fetched.append(self.path.rpartition("/")[2])
            self.reply(with_content=True)

        def reply(self, with_content: bool) -> None:
            code, content, headers = local.respond(self.path)
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
    yield local
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("revision", [COMMIT, "v1"])
def test_a_model_is_fetched_once(hub: Hub, revision: str) -> None:
    assert load(f"owner/name@{revision}").config.name == "tiny"
    assert sorted(hub.fetched) == ["README.md", "config.json", "model.onnx"]
    assert load(f"owner/name@{revision}").config.name == "tiny"
    assert len(hub.fetched) == 3


def test_a_fetched_file_that_does_not_match_its_hash_is_refused(hub: Hub) -> None:
    (hub.folder / "model.onnx").write_bytes(b"altered")
    with pytest.raises(ModelError, match=r"model\.onnx is not the file"):
        load("owner/name@v1")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("owner/name@", "a commit or a tag, as in owner/name@v1"),
        ("owner/name", "a commit or a tag, as in owner/name@v1"),
        ("owner/name@v2", "check name and revision"),
        ("owner/other@v1", "check name and revision"),
        ("owner/name@..", "found '..' in 'owner/name@..'"),
        ("owner/name@.", "found '.' in"),
        ("owner/name@v1/../..", "found '..' in"),
        ("owner/..@v1", "found '..' in"),
    ],
)
def test_a_missing_model_is_an_error_of_one_line(
    hub: Hub, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["info", "--model", name])
    err = capsys.readouterr().err
    assert end.value.code == 2
    assert message in err
    assert err.count("\n") == 1
    assert hub.fetched == []


def test_a_local_folder_takes_precedence_over_the_hub(
    hub: Hub, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model, tmp_path / "owner" / "name@v1")
    assert load("owner/name@v1").folder.path == Path("owner/name@v1")
    assert hub.fetched == []


def test_without_the_extra_the_error_names_the_installation_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r'pip install "emotrace\[hub\]"'):
        load("owner/name@v1")
