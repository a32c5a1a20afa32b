"""Run a command on a number of cores and print its cost as a line of JSON.

    python -S benchmarks/speed/launch.py CORES COMMAND…

This process stays small, because a child's peak memory includes what its parent held when it started.
"""

import json
import os
import subprocess
import sys
import time

if __name__ == "__main__":
    cores, *command = sys.argv[1:]
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(cores)])
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    errors = process.stderr.read() if process.stderr else b""
    _, status, used = os.wait4(process.pid, 0)
    per_mib = 1 << 20 if sys.platform == "darwin" else 1 << 10
    cost = {
        "seconds": time.perf_counter() - started,
        "processor_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / per_mib,
    }
    failed = os.waitstatus_to_exitcode(status) != 0
    print(json.dumps({"error": errors.decode(errors="replace")[-300:]} if failed else cost))
