"""Starts two commands in turn and says what each start cost: `python _cold_starts.py ROUNDS < COMMANDS_JSON`.

A process of its own, and the standard library only, because Linux counts the starter's memory as the peak of what it
starts (getrusage(2): ru_maxrss is kept over execve).
"""

import json
import os
import subprocess
import sys
import time


def start(command: list[str]) -> tuple[float, float, float]:
    """What a command cost: seconds to its first line, processor seconds in all, and at most resident KiB.

    Processor seconds hardly change when other work keeps the cores busy; the time to the first line does.
    """
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        took = time.perf_counter() - began
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0 or not line:
        raise RuntimeError(f"{command} ended {process.returncode}")
    return took, usage.ru_utime + usage.ru_stime, usage.ru_maxrss


if __name__ == "__main__":
    commands = json.load(sys.stdin)
    rounds = [[start(command) for command in commands] for _ in range(int(sys.argv[1]) + 1)]
    # The first start of each reads its files from the disk.
    json.dump(rounds[1:], sys.stdout)
