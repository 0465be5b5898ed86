"""As much of systemctl and journalctl as `install.sh` asks for, for a device that is no more than namespaces.

It reads the real unit file: credentials are handed over, ExecStart is run and started again, as the unit says.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
UNITS = Path("/etc/systemd/system")
PID, RESTARTS, JOURNAL, CREDENTIALS = (HERE / name for name in ("pid", "restarts", "journal", "credentials"))
BUSY = HERE / "busy"
"""There while nobody has asked since the service began: the first question gets no answer."""


def main(verb: str, arguments: list[str]) -> int:
    """`systemctl VERB …`."""
    unit = arguments[-1] if arguments else ""
    if verb == "restart":
        stop()
        return start((UNITS / unit).read_text())
    if verb == "stop":
        stop()
    if verb == "is-active":
        return 0 if running() else 3
    if verb == "show":
        restarts = RESTARTS.read_text() if RESTARTS.exists() else "0"
        sys.stdout.write("" if BUSY.exists() else restarts)
        BUSY.unlink(missing_ok=True)
    if verb == "--version":
        sys.stdout.write("systemd 252 (stand-in)\n")
    return 0


def start(unit: str) -> int:
    """Begin the service, in a process that outlives this one."""
    BUSY.touch()
    count(0)
    JOURNAL.write_text("")
    # Nothing of ssh's may stay open in it.
    service = subprocess.Popen(
        [sys.executable, __file__, "--serve", unit],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    PID.write_text(str(service.pid))
    return 0


def serve(unit: str) -> None:
    """Run ExecStart, again and again."""
    shutil.rmtree(CREDENTIALS, ignore_errors=True)
    CREDENTIALS.mkdir(mode=0o700)
    for name, path in re.findall(r"^LoadCredential=([^:]+):(.+)$", unit, re.MULTILINE):
        shutil.copy(path, CREDENTIALS / name)
    Path("/var/lib/edgeferry").mkdir(exist_ok=True)
    (command,) = re.findall(r"^ExecStart=(.+)$", unit, re.MULTILINE)
    words = command.replace("${CREDENTIALS_DIRECTORY}", str(CREDENTIALS)).split()
    for restart in range(1000):
        count(restart)
        with JOURNAL.open("a") as journal:
            subprocess.run(words, stdout=journal, stderr=journal, check=False)
        time.sleep(0.2)


def count(restarts: int) -> None:
    """Whole for whoever reads it meanwhile."""
    new = RESTARTS.with_suffix(".new")
    new.write_text(str(restarts))
    new.replace(RESTARTS)


def stop() -> None:
    """End the service with everything it started."""
    if running():
        os.killpg(int(PID.read_text()), signal.SIGKILL)
    PID.unlink(missing_ok=True)


def running() -> bool:
    """Whether it is at work."""
    return PID.exists() and Path(f"/proc/{PID.read_text()}").exists()


if __name__ == "__main__":
    if Path(sys.argv[0]).name == "journalctl":
        sys.stdout.write(JOURNAL.read_text())
    elif sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        sys.exit(main(sys.argv[1], sys.argv[2:]))
