"""Several processes that train one model end with the weights of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from command_line import Call, assert_refused, run_command
from training.process_worker import train

from emotrace.errors import EmotraceError
from emotrace.inference.recogniser import load
from emotrace.training.checkpoints import load_checkpoint
from emotrace.training.data.examples import Batch
from emotrace.training.processes import process_count, process_number, share_of

WORKER = Path(__file__).with_name("process_worker.py")


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    return lambda *tokens: run_command(capfd, *tokens)


def batch(examples: int) -> Batch:
    numbers = torch.arange(examples)
    return Batch(numbers[:, None].float(), numbers + 1, numbers, tuple(((n, 1.0),) for n in range(examples)))


def test_shares_of_a_batch_are_disjoint_and_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    monkeypatch.setenv("WORLD_SIZE", "3")
    for number in range(3):
        monkeypatch.setenv("RANK", str(number))
        assert (process_number(), process_count()) == (number, 3)
        share, examples = share_of(batch(8))
        assert examples == len(share.labels) == len(share.x) == len(share.parts)
        assert share.lengths.tolist() == [label + 1 for label in share.labels.tolist()]
        shares += share.labels.tolist()
        whole, examples = share_of(batch(2))  # fewer examples than processes: each computes all
        assert (whole.labels.tolist(), examples) == ([0, 1], 2 / 3)
    assert sorted(shares) == list(range(8))


def test_one_process_computes_whole_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    assert process_count() == 1
    share, examples = share_of(batch(5))
    assert (share.labels.tolist(), examples) == (list(range(5)), 5)


@pytest.mark.parametrize(("number", "count"), [("2", "2"), ("x", "2"), ("0", "0"), ("-1", "2")])
def test_wrong_variables_are_refused(monkeypatch: pytest.MonkeyPatch, number: str, count: str) -> None:
    monkeypatch.setenv("RANK", number)
    monkeypatch.setenv("WORLD_SIZE", count)
    with pytest.raises(EmotraceError, match=f"found RANK={number} and WORLD_SIZE={count}, expected numbers"):
        process_count()


@pytest.mark.slow
def test_two_processes_train_the_weights_of_one(tmp_path: Path) -> None:
    """With class weights, padding, batch normalisation and averaged weights, but without dropout."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    workers = [
        subprocess.Popen(
            [sys.executable, str(WORKER), str(tmp_path), str(number)],
            env={**os.environ, **address, "RANK": str(number)},
        )
        for number in range(2)
    ]
    expected = train(tmp_path / "alone").state_dict()
    assert [worker.wait(timeout=300) for worker in workers] == [0, 0]
    first, second = (load_checkpoint(tmp_path / f"{number}.safetensors")["weights"] for number in range(2))
    for name, value in expected.items():
        torch.testing.assert_close(first[name], value, rtol=1e-4, atol=1e-5)
        assert torch.equal(first[name], second[name])
    curves = [(tmp_path / run / "curve.csv").read_text().splitlines() for run in ("alone", "run")]
    for alone, together in zip(*curves, strict=True):
        if not alone.startswith("epoch"):
            found, wanted = ([float(value) for value in line.split(",")] for line in (together, alone))
            assert found == pytest.approx(wanted, rel=1e-3)


@pytest.mark.slow
def test_torchrun_trains_one_model_and_finds_it_again(
    call: Call, corpus_root: Path, network_alone_toml: Path, tmp_path: Path
) -> None:
    output, short = tmp_path / "run", tmp_path / "short.toml"
    short.write_text("[stage1]\nepochs = 1\n[stage2]\nepochs = 1\n")
    arguments = [
        "train", "--corpus", "manifest", "--root", str(corpus_root),
        "--recipe", str(network_alone_toml), "--recipe", str(short),
        "--device", "cpu", "--output", str(output),
    ]  # fmt: skip
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    printed = []
    for _ in range(2):
        done = subprocess.run(
            [*torchrun, "-m", "emotrace", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    assert printed[0].count("measured on the validation speakers") == 1
    assert printed[0].splitlines()[-1] == str(output / "model")
    assert printed[1] == printed[0]
    assert load(output / "model").labels == ("anger", "sadness")
    assert_refused(call(*arguments), "processes")
