"""REST gives what the library gives, in every format, and says kindly what is wrong."""

import csv
import io
import json
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from serving.conftest import BODY, problem, wav
from starlette.testclient import TestClient

from emotrace.annotations.registry import FORMATS
from emotrace.inference.recogniser import Recogniser, load
from emotrace.serving.app import create_app
from emotrace.serving.negotiation import TIMELINE_FORMATS, choose_format
from emotrace.serving.settings import ServiceSettings

SpeechLike = Callable[..., np.ndarray]


def test_a_body_gives_the_result_of_the_library(
    client: TestClient, recogniser: Recogniser, loud_then_soft: np.ndarray
) -> None:
    content = wav(loud_then_soft)
    (expected,) = [recogniser(content).to_dict() | {"file": "a.wav"}]
    for route in ("predict", "trace"):
        answer = client.post(f"/v1/{route}", params={"file": "a.wav"}, content=content, headers=BODY)
        assert answer.json() == [expected]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"


def test_several_files_keep_their_order_and_one_bad_file_loses_none(
    client: TestClient, speech_like: SpeechLike
) -> None:
    files = [
        ("audio", ("loud.wav", wav(speech_like(2.0, 0.3)))),
        ("audio", ("notes.txt", b"Dear reader")),
        ("audio", ("soft.flac", wav(speech_like(2.0, 0.05), format="FLAC"))),
        ("audio", ("short.wav", wav(speech_like(0.1)))),
    ]
    answer = client.post("/v1/predict", files=files)
    assert answer.status_code == 200
    loud, notes, soft, short = answer.json()
    assert (loud["file"], loud["label"]) == ("loud.wav", "anger")
    assert (soft["file"], soft["label"]) == ("soft.flac", "sadness")
    assert (notes["file"], notes["error"]["status"]) == ("notes.txt", 415)
    assert (short["file"], short["error"]["status"]) == ("short.wav", 422)
    assert json.loads(answer.headers["emotrace-errors"]) == [notes, short]
    rows = list(csv.DictReader(io.StringIO(client.post("/v1/predict?format=csv", files=files).text)))
    assert [(row["file"], row["label"]) for row in rows] == [("loud.wav", "anger"), ("soft.flac", "sadness")]


def test_a_request_without_any_result_is_a_problem_that_names_each(client: TestClient) -> None:
    files = [("audio", ("a.txt", b"Dear reader")), ("audio", ("b.wav", b""))]
    body = problem(client.post("/v1/predict", files=files), 422, "none of the 2 inputs")
    assert [(entry["file"], entry["error"]["status"]) for entry in body["errors"]] == [
        ("a.txt", 415),
        ("b.wav", 422),
    ]


@pytest.mark.parametrize("name", TIMELINE_FORMATS)
def test_every_format_is_given_by_parameter_and_by_accept(
    client: TestClient, loud_then_soft: np.ndarray, name: str
) -> None:
    media_type = next(entry.media_type for entry in FORMATS if entry.name == name)
    content = wav(loud_then_soft)
    by_parameter = client.post(f"/v1/trace?format={name}&file=a.wav", content=content, headers=BODY)
    by_header = client.post("/v1/trace?file=a.wav", content=content, headers={**BODY, "Accept": media_type})
    for answer in (by_parameter, by_header):
        assert answer.status_code == 200
        assert answer.headers["content-type"].partition(";")[0] == media_type
    if name == "png":
        assert by_parameter.content.startswith(b"\x89PNG")
    else:
        assert "anger" in by_parameter.text
        assert (
            by_header.text.splitlines()[2:] == by_parameter.text.splitlines()[2:]
        )  # eaf has the time in line 2


def test_no_format_has_the_media_type_of_another() -> None:
    types = [entry.media_type for entry in FORMATS if entry.timeline or entry.predictions]
    assert len(set(types)) == len(types)


def test_a_document_names_no_folder_of_this_machine(client: TestClient, loud_then_soft: np.ndarray) -> None:
    answer = client.post("/v1/trace?format=eaf&file=../x/a.wav", content=wav(loud_then_soft), headers=BODY)
    assert 'MEDIA_URL="file:///a.wav"' in answer.text
    assert 'RELATIVE_MEDIA_URL="./a.wav"' in answer.text


def test_scores_over_time_are_those_of_the_table(client: TestClient, loud_then_soft: np.ndarray) -> None:
    content = wav(loud_then_soft)
    (entry,) = client.post("/v1/trace?frames=true", content=content, headers=BODY).json()
    table = client.post("/v1/trace?frames=true&format=csv", content=content, headers=BODY).text
    rows = list(csv.DictReader(io.StringIO(table)))
    frames = entry["frames"]
    assert frames["labels"] == ["anger", "sadness", None]
    assert len(frames["scores"]) == len(rows) > 600
    assert frames["first_s"] == pytest.approx(float(rows[0]["time"]), abs=1e-3)
    assert frames["scores"][100][0] == pytest.approx(float(rows[100]["score_anger"]), abs=1e-4)


def test_channels_and_abstention(client: TestClient, speech_like: SpeechLike) -> None:
    stereo = np.stack([speech_like(3.0, 0.3), speech_like(3.0, 0.05, seed=1)], axis=1)
    answer = client.post("/v1/predict?channels=each&top_k=1", content=wav(stereo), headers=BODY)
    assert [(entry["channel"], entry["label"]) for entry in answer.json()] == [(1, "anger"), (2, "sadness")]
    assert all(len(entry["scores"]) == 1 for entry in answer.json())
    (unsure,) = client.post(
        "/v1/predict?abstain_below=1.0", content=wav(speech_like(3.0, 0.1)), headers=BODY
    ).json()
    assert unsure["label"] is None
    assert "abstained" in unsure["warnings"][-1]


@pytest.fixture(scope="module")
def shipped() -> Iterator[TestClient]:
    """A service with the model that ships, which has more than two emotions."""
    app = create_app(load(threads=1), ServiceSettings(workers=2))
    with TestClient(app, base_url="http://localhost", headers={"Host": "localhost"}) as client:
        yield client


def test_emotions_that_cannot_occur_get_no_score(shipped: TestClient, speech_like: SpeechLike) -> None:
    content = wav(speech_like(2.0))
    (whole,) = shipped.post("/v1/predict", content=content, headers=BODY).json()
    first, second, *others = whole["scores"]
    query = f"/v1/predict?emotions={second},%20{first}"
    (entry,) = shipped.post(query, content=content, headers=BODY).json()
    total = whole["scores"][first] + whole["scores"][second]
    expected = {label: whole["scores"][label] / total for label in (first, second)}
    assert entry["scores"] == pytest.approx(expected, abs=1e-4)
    assert entry["score"] == max(entry["scores"].values())
    header = shipped.post(f"{query}&format=csv", content=content, headers=BODY).text.splitlines()[0]
    assert others
    assert not any(other in header for other in others)


@pytest.mark.parametrize(
    ("emotions", "words"),
    [
        ("anger", "found only the emotion anger"),
        ("joy,anger", "found joy, expected some of the model's labels anger, sadness"),
        ("anger,", "found an empty name"),
        ("anger,anger,sadness", "found an emotion twice, expected different emotions"),
        ("", "found an empty name"),
    ],
)
def test_emotions_that_the_model_lacks_are_problems(
    client: TestClient, speech_like: SpeechLike, emotions: str, words: str
) -> None:
    answer = client.post(f"/v1/predict?emotions={emotions}", content=wav(speech_like(1.0)), headers=BODY)
    problem(answer, 422, f"emotions: {words}")


def test_segments_of_several_recordings(client: TestClient, loud_then_soft: np.ndarray) -> None:
    turns = b"file,start,end\na.wav,0.5,3\na.wav,8,12\nb.wav,1,2\nc.wav,0,1\na.wav,12,99\n"
    files = [
        ("audio", ("a.wav", wav(loud_then_soft))),
        ("audio", ("b.wav", wav(loud_then_soft))),
        ("segments", ("turns.csv", turns)),
    ]
    answer = client.post("/v1/predict", files=files)
    results = [entry for entry in answer.json() if "error" not in entry]
    errors = [entry["error"]["detail"] for entry in answer.json() if "error" in entry]
    assert [(entry["file"], entry["start"], entry["label"]) for entry in results] == [
        ("a.wav", 0.5, "anger"), ("a.wav", 8.0, "sadness"), ("b.wav", 1.0, "anger"),
    ]  # fmt: skip
    assert any("'c.wav'" in error for error in errors)
    assert any("99.000" in error for error in errors)
    problem(client.post("/v1/predict?channels=each", files=files), 422, "channels=each")
    problem(client.post("/v1/predict?tier=words", files=files), 422, "has no tiers")
    problem(client.post("/v1/predict?tiers=words", files=files), 422, "tiers", "does not have", "/docs")
    problem(client.post("/v1/trace", files=files), 422, "segment file")


def test_warnings_are_in_a_header_if_the_format_has_no_room(
    client: TestClient, speech_like: SpeechLike
) -> None:
    content = wav(speech_like(2.0), 44_100)
    (entry,) = client.post("/v1/trace", content=content, headers=BODY).json()
    assert "resampled 44100 Hz to 16000 Hz" in entry["warnings"]
    answer = client.post("/v1/trace?format=rttm&file=a.wav", content=content, headers=BODY)
    (warned,) = json.loads(answer.headers["emotrace-warnings"])
    assert warned == {"file": "a.wav", "warnings": entry["warnings"]}


def test_wrong_calls_are_problems(client: TestClient, speech_like: SpeechLike) -> None:
    content = wav(speech_like(2.0))
    two = [("audio", ("a.wav", content)), ("audio", ("b.wav", content))]
    problem(client.post("/v1/trace?format=textgrid", files=two), 422, "2 recordings", "textgrid")
    problem(client.post("/v1/predict?format=png", content=content, headers=BODY), 422, "'png'", "jsonl")
    problem(client.post("/v1/predict?speed=9", content=content, headers=BODY), 422, "speed")
    problem(
        client.post("/v1/trace?frames=true&format=rttm", content=content, headers=BODY), 422, "json or csv"
    )
    problem(
        client.post("/v1/predict", content=content, headers={**BODY, "Accept": "image/gif"}), 406, "image/gif"
    )
    problem(client.post("/v1/predict", content=b"", headers=BODY), 400, "empty body")
    problem(client.post("/v1/predict", json={"a": 1}), 415, "application/json")
    problem(client.post("/v1/predict", content=b"Dear reader", headers=BODY), 415, "text")
    problem(client.post("/v1/predict", content=wav(speech_like(0.1)), headers=BODY), 422, "100 ms")
    problem(client.post("/v1/predict", files=[("other", ("a.wav", content))]), 400, "'other'")
    problem(client.post("/v1/predict", files={"segments": ("a.csv", b"start,end\n0,1\n")}), 400, "audio")
    broken = {"Content-Type": "multipart/form-data; boundary=x"}
    problem(client.post("/v1/predict", content=b"--y\r\nnonsense", headers=broken), 400, "damaged form")
    problem(client.post("/v1/predict", content=b"a", headers={"Content-Type": "multipart/form-data"}), 400)
    problem(client.get("/v1/predict"), 405)
    problem(client.get("/nothing"), 404)


def test_silence_has_no_label_and_is_no_error(client: TestClient) -> None:
    (entry,) = client.post("/v1/trace", content=wav(np.zeros(32_000)), headers=BODY).json()
    assert (entry["label"], entry["scores"], entry["timeline"]) == (None, None, [])
    assert entry["warnings"] == ["digital silence"]


def test_accept_prefers_quality_over_order() -> None:
    assert choose_format(TIMELINE_FORMATS, None, "").name == "json"
    assert choose_format(TIMELINE_FORMATS, None, "text/csv;q=0.2, text/vtt;q=0.9").name == "vtt"
    assert choose_format(TIMELINE_FORMATS, None, "text/vtt;q=0, text/csv;q=x, application/*").name == "json"


def test_the_service_describes_its_model_and_itself(client: TestClient) -> None:
    model = client.get("/v1/model").json()
    assert model["labels"] == ["anger", "sadness"]
    assert model["limits"]["upload_mb"] == 25.0
    assert {entry["name"] for entry in model["formats"]} == set(TIMELINE_FORMATS)
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_the_counters_name_routes_and_no_recordings(client: TestClient, speech_like: SpeechLike) -> None:
    client.post("/v1/predict?file=secret.wav", content=wav(speech_like(2.0)), headers=BODY)
    client.get("/made-up-path")
    text = client.get("/metrics").text
    assert 'emotrace_requests_total{route="/v1/predict",status="200"}' in text
    assert "emotrace_audio_seconds_total" in text
    assert "secret" not in text
    assert "made-up" not in text
