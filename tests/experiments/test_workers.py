"""Worker processes run all jobs, pass on errors, and end with their parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import os, signal, sys, time
from emotrace.errors import AudioError, EmotraceError
from emotrace.experiments.workers import in_processes

def work(job, progress):
    progress(f"{job} {os.getpid()}")
    if job == "refused":
        raise AudioError("a.wav is empty; leave it out")
    if job == "full":
        raise OSError(28, "No space left on device", "run/last")
    if job == "killed":
        time.sleep(1)  # by now the other has a job
        os.kill(os.getpid(), signal.SIGKILL)
    if job == "endless":
        time.sleep(3_600)  # longer than the time limit of a test
    for line in range(200):
        progress(f"{job} line {line}")

if __name__ == "__main__":
    try:
        in_processes(work, sys.argv[1:], 2, lambda line: print(line, flush=True))
    except (EmotraceError, OSError, KeyboardInterrupt) as error:
        print(repr(error), file=sys.stderr)
        sys.exit(3)
"""

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to find processes"),
]


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def start(script: Path, *jobs: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(script), *jobs], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(script: Path, *jobs: str) -> tuple[int, list[str], str]:
    process = start(script, *jobs)
    out, reported = process.communicate()
    return process.returncode, out.splitlines(), reported


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def wait_until_ended(pids: list[int]) -> None:
    """Return once no process is left; a process that never ends meets the time limit of the test."""
    while any(map(alive, pids)):
        time.sleep(0.05)


def test_every_job_runs_once_and_all_progress_arrives(script: Path) -> None:
    code, lines, reported = finished(script, "a", "b", "c")
    assert (code, reported) == (0, "")
    for job in "abc":
        assert sum(line.startswith(job) for line in lines) == 201
        assert [line for line in lines if " line " in line and line[0] == job] == [
            f"{job} line {number}" for number in range(200)
        ]
    assert len({line.split()[1] for line in lines if " line " not in line}) <= 2


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ("refused", "AudioError('a.wav is empty; leave it out')"),
        pytest.param("full", "OSError(28, 'No space left on device')", marks=pytest.mark.slow),
        ("killed", "RunError('a worker process was killed ("),
    ],
)
def test_an_error_of_a_worker_is_raised_and_ends_the_others(script: Path, job: str, error: str) -> None:
    code, lines, reported = finished(script, job, "endless")
    assert code == 3
    assert reported.startswith(error)
    assert len(reported.splitlines()) == 1
    wait_until_ended([int(line.split()[1]) for line in lines if " line " not in line])


@pytest.mark.slow
def test_the_death_of_the_last_process_is_detected(script: Path) -> None:
    code, _, reported = finished(script, "endless", "killed")
    assert code == 3
    assert reported.startswith("RunError('a worker process was killed (possibly")


@pytest.mark.parametrize(
    "by", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow), signal.SIGKILL]
)
def test_workers_end_with_their_parent(script: Path, by: signal.Signals) -> None:
    process = start(script, "endless", "endless")
    assert process.stdout is not None
    pids = [int(process.stdout.readline().split()[1]) for _ in range(2)]
    assert all(map(alive, pids))
    process.send_signal(by)
    assert process.wait() == (3 if by == signal.SIGINT else -by)
    wait_until_ended(pids)
    if by == signal.SIGINT:
        assert process.stderr is not None
        assert process.stderr.read() == "KeyboardInterrupt()\n"
    process.stdout.close()
    if process.stderr is not None:
        process.stderr.close()


def test_an_interrupt_of_all_processes_prints_no_traceback(script: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(script), "endless", "endless"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()  # one worker is at work, the other perhaps still on its way up
    os.killpg(process.pid, signal.SIGINT)
    _, reported = process.communicate()
    assert process.returncode == 3
    assert reported == "KeyboardInterrupt()\n"
