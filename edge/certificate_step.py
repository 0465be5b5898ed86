"""`python -m edge.certificate_step`: one exchange with the fleet's server about this device's certificate.

A process of its own, started by the agent for a second or two every other month.
"""

from __future__ import annotations

import sys
from pathlib import Path

from contract.codec import from_json, to_json
from contract.errors import ConfigError, FerryError, LinkError
from contract.moments import rfc3339
from edge.certificate_talk import Done, Task
from edge.clock import FleetClock
from edge.durable import Disk
from edge.enrolment import Server, enrol, renew
from edge.member_files import MemberFiles


def take(task: Task) -> Done:
    """Do it; every problem a person may see is in the answer."""
    state, disk = Path(task.state_dir), Disk()
    files, server = MemberFiles(state, disk), Server(task.server, ca_file=task.ca_file, clock=FleetClock(state, disk))
    try:
        if task.claim is None:
            wait_s = renew(server, files, task.device)
        else:
            wait_s = 60.0
            enrol(task.claim, server, files, expected=(task.fleet, task.device))
    except LinkError as problem:
        return Done(problem=str(problem))
    except FerryError as problem:
        return Done(problem=str(problem), refused=True)
    terms = files.terms()
    return Done(words=f"it counts until {rfc3339(terms.ends_s)}" if terms else "none yet", wait_s=wait_s)


def main() -> None:
    """From standard input to standard output."""
    task = from_json(sys.stdin.buffer.read(), Task, where="standard input", error=ConfigError)
    sys.stdout.buffer.write(to_json(take(task)))


if __name__ == "__main__":
    main()
