"""Load on the service over loopback; write results/service/report.md and table.csv.

    python benchmarks/service.py [--seconds 10] [--requests 10000] [--output results/service]

The service runs in a process of its own, with MODEL and the default settings. The clients run
in this process and use the same processors. Each request is synthetic speech of 3 s as a WAV. Rows: 1, 8
and 64 clients, each with one request at a time; then three times as many clients as the service admits.
Every accepted answer is compared with the library's. The library's own loop recognises the same bytes with
as many threads as the service has workers, by turns with the service. Processor time shows the cost of the
service also where other programs disturb the wall clock. Then `--requests` requests of 1 s show whether
memory grows.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

import emotrace
from emotrace.corpora.loaders.synthetic import MANNERS, SAMPLE_RATE_HZ, utterance
from emotrace.system.processors import available_processors

sys.path.insert(0, str(Path(__file__).parents[1] / "research"))
from tables import write_table

WORKERS = available_processors()
MODEL = "emotrace-emodb-1"
ADMITTED = WORKERS + 64  # the service's default
CLIENTS = (1, 8, 64)
UTTERANCES = 16
LIBRARY_FILES = 60  # of one loop
ROUNDS = 4
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Load:
    """What a number of clients received."""

    clients: int
    seconds: float = 0.0
    processor_s: float = 0.0
    ratios: list[float] = field(default_factory=list)
    processor_ratios: list[float] = field(default_factory=list)
    times_s: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: int = 0


def recordings(seconds: float) -> list[bytes]:
    """WAV files of synthetic speech of one length."""
    emotions = list(MANNERS)
    files = []
    for number in range(UTTERANCES):
        parts = [utterance(2, number, emotions[number % 4], index) for index in range(4)]
        file = BytesIO()
        samples = np.concatenate(parts)[: round(seconds * SAMPLE_RATE_HZ)]
        soundfile.write(file, samples, SAMPLE_RATE_HZ, format="WAV")
        files.append(file.getvalue())
    return files


def library_loop(recogniser: emotrace.Recogniser, files: list[bytes]) -> tuple[float, float]:
    """Files a second with one thread for each worker, and processor time of a file in seconds."""
    work = [files[number % len(files)] for number in range(LIBRARY_FILES)]
    start, processor = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(recogniser, work))
    seconds = time.perf_counter() - start
    return LIBRARY_FILES / seconds, (time.process_time() - processor) / LIBRARY_FILES


class Service:
    """The service in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        command = [sys.executable, "-m", "emotrace", "serve", "--model", MODEL, "--port", str(self.port)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert self._process.stderr is not None
        self._process.stderr.readline()  # it listens

    def processor_s(self) -> float:
        """Processor time so far in seconds."""
        fields = (
            Path(f"/proc/{self._process.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mib(self) -> float:
        """Resident memory in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(status.split("VmRSS:")[1].split()[0]) / 1024

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate()


async def post(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, content: bytes
) -> tuple[str, bytes]:
    """Send one request on an open connection; the status and the body."""
    head = "POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: audio/wav\r\n"
    writer.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    await writer.drain()
    answer = await reader.readuntil(b"\r\n\r\n")
    length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    return answer.split()[1].decode(), await reader.readexactly(length)


async def client(
    port: int, files: list[bytes], expected: list[str | None], first: int, load: Load, stop: float, most: int
) -> None:
    """Send requests one after another until a time or a number is reached."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    number = first
    while time.perf_counter() < stop and sum(load.statuses.values()) < most:
        start = time.perf_counter()
        index = number % len(files)
        try:
            status, body = await post(reader, writer, files[index])
        except (ConnectionError, asyncio.IncompleteReadError):
            load.statuses["lost"] += 1
            writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            continue
        load.statuses[status] += 1
        if status == "200":
            load.times_s.append(time.perf_counter() - start)
            load.wrong += json.loads(body)[0]["label"] != expected[index]
        else:
            await asyncio.sleep(0.05)  # Retry-After would end an overload at once
        number += 1
    writer.close()


async def run_load(
    port: int, files: list[bytes], expected: list[str | None], load: Load, seconds: float, most: int = 10**9
) -> None:
    """Add the answers to a number of clients to a load."""
    start = time.perf_counter()
    stop = start + seconds
    await asyncio.gather(*(client(port, files, expected, n, load, stop, most) for n in range(load.clients)))
    load.seconds += time.perf_counter() - start


def measure_load(
    service: Service, recogniser: emotrace.Recogniser, files: list[bytes], clients: int, seconds: float
) -> Load:
    """Rounds of the library's loop and of the service, by turns, since other programs come and go."""
    expected = [recogniser(content).label for content in files]
    total = Load(clients)
    for _ in range(ROUNDS):
        library_rate, library_s = library_loop(recogniser, files)
        load, processor_s = Load(clients), service.processor_s()
        asyncio.run(run_load(service.port, files, expected, load, seconds / ROUNDS))
        processor_s = service.processor_s() - processor_s
        done = max(1, load.statuses["200"])
        total.ratios.append(done / load.seconds / library_rate)
        total.processor_ratios.append(processor_s / done / library_s)
        total.seconds += load.seconds
        total.processor_s += processor_s
        total.times_s += load.times_s
        total.statuses += load.statuses
        total.wrong += load.wrong
    return total


def row(load: Load) -> dict[str, str]:
    """The figures of one load."""
    done = load.statuses["200"]
    refused, others = load.statuses["429"], sum(load.statuses.values()) - done - load.statuses["429"]
    return {
        "clients": f"{load.clients}{' (overload)' if load.clients > max(CLIENTS) else ''}",
        "answers a second": f"{done / load.seconds:.1f}",
        "median, ms": f"{1000 * np.median(load.times_s):.0f}",
        "99 %, ms": f"{1000 * np.quantile(load.times_s, 0.99):.0f}",
        "of the library's rate": f"{np.median(load.ratios):.2f}",
        "processor, ms": f"{1000 * load.processor_s / max(1, done):.1f}",
        "of the library's": f"{np.median(load.processor_ratios):.2f}",
        "accepted": str(done),
        "refused (429)": str(refused),
        "lost or other": str(others),
        "wrong": str(load.wrong),
    }


def measure_memory(service: Service, recogniser: emotrace.Recogniser, requests: int) -> list[float]:
    """Memory in MiB after a tenth of the requests, and after all."""
    files = recordings(1.0)
    expected = [recogniser(content).label for content in files]
    found = []
    for count in (requests // 10, requests - requests // 10):
        asyncio.run(run_load(service.port, files, expected, Load(8), 3600.0, count))
        found.append(service.memory_mib())
    return found


def measure(seconds: float, requests: int) -> tuple[list[dict[str, str]], str]:
    """The rows of the table, and the text above it."""
    recogniser = emotrace.load(MODEL)
    files = recordings(3.0)
    library_loop(recogniser, files)  # warms up
    service = Service()
    try:
        asyncio.run(run_load(service.port, files, [None] * len(files), Load(2), 1.0))
        loads = [
            measure_load(service, recogniser, files, clients, seconds) for clients in (*CLIENTS, 3 * ADMITTED)
        ]
        busy = os.getloadavg()[0]
        memory = measure_memory(service, recogniser, requests)
    finally:
        service.stop()
    note = (
        f"Service with {WORKERS} workers on {WORKERS} processors, shared with the clients and other programs "
        f"(load average {busy:.1f}). Requests of 3 s of speech. The library's own loop has {WORKERS} "
        "threads; one client alone uses one worker. Rates and processor times are medians of "
        f"{ROUNDS} rounds beside the library's.\n\n"
        f"Memory of the service after {requests // 10} further requests: {memory[0]:.0f} MiB; after "
        f"{requests}: {memory[1]:.0f} MiB.\n"
    )
    return [row(load) for load in loads], note


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each load")
    parser.add_argument("--requests", type=int, default=10_000, help="of the test of memory")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parents[1] / "results" / "service", help="folder"
    )
    options = parser.parse_args()
    rows, note = measure(options.seconds, options.requests)
    print(write_table(options.output, rows, note), end="")


if __name__ == "__main__":
    main()
