"""The process of one trial: `python -m trainer.tuning.child`, a TrialTask on a line of standard input, an Outcome out.

It ends when standard input does: a search that was killed leaves no training behind.
"""

from __future__ import annotations

import os
import sys
import threading

from contract.codec import to_json
from trainer.tuning.trial import run_trial


def main() -> None:
    """Read, run, answer on the last line."""
    task = sys.stdin.buffer.readline()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    answer = to_json(run_trial(task))
    sys.stdout.buffer.write(answer + b"\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    # Past the buffered reader: its lock, held by a thread that waits, ends Python with an abort.
    while os.read(0, 1024):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
