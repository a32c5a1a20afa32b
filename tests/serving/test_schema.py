"""Schemathesis calls every route with generated input: no server error, every answer as described."""

from typing import Any

import pytest

pytest.importorskip("schemathesis", reason="NO SCHEMATHESIS: run pip install schemathesis")

import numpy as np
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import positive_data_acceptance
from serving.conftest import wav

from emotrace.inference.recogniser import Recogniser
from emotrace.serving.app import create_app
from emotrace.serving.settings import ServiceSettings

ROUTES = (
    ("POST", "/v1/predict"),
    ("POST", "/v1/trace"),
    ("GET", "/v1/model"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
)

# Whether bytes are audio is nothing that a description can express, so generated ones may be refused.
BEYOND_THE_DESCRIPTION = [positive_data_acceptance]
RECORDINGS = [
    wav(np.random.default_rng(seed).uniform(-0.5, 0.5, (samples, channels)), rate_hz)
    for seed, (samples, channels, rate_hz) in enumerate(
        [(8_000, 1, 16_000), (4_000, 2, 8_000), (9, 1, 8_000)]
    )
]
schemathesis.openapi.media_type("audio/wav", st.sampled_from(RECORDINGS) | st.binary(max_size=200))


@pytest.fixture(scope="module")
def schema(recogniser: Recogniser) -> Any:
    """The description of a service that may be called under any name."""
    app = create_app(recogniser, ServiceSettings(workers=2, hosts=()))
    return schemathesis.openapi.from_asgi("/openapi.json", app)


def call(operation: Any, examples: int) -> tuple[int, int]:
    """Call a route with `examples` generated requests; returns how many were made, and accepted."""
    made = accepted = 0

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    @given(case=operation.as_strategy())
    def check(case: Any) -> None:
        nonlocal made, accepted
        made += 1
        response = case.call_and_validate(excluded_checks=BEYOND_THE_DESCRIPTION)
        accepted += response.status_code == 200

    check()
    return made, accepted


def test_every_route_is_called(schema: Any) -> None:
    found = {(result.ok().method.upper(), result.ok().path) for result in schema.get_all_operations()}
    assert found == set(ROUTES)


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_a_few_calls_keep_the_description(schema: Any, method: str, path: str) -> None:
    made, accepted = call(schema[path][method], examples=10)
    assert made >= 1
    assert accepted >= (method == "GET")


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), ROUTES[:2])
def test_many_calls_keep_the_description(schema: Any, method: str, path: str) -> None:
    made, accepted = call(schema[path][method], examples=400)
    assert made >= 200
    assert accepted >= 20
