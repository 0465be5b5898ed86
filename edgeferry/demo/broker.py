"""The demo's broker: mosquitto when it is on the PATH, else amqtt inside a process of its own.

The embedded one serves loopback only, for the demo only: it hands retained messages to clients that never asked,
which our clients tolerate because they check every topic.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import sys
from pathlib import Path


def broker_command(folder: Path, port: int, *, embedded: bool) -> tuple[str, list[str]]:
    """Name and command line of the broker to start; `embedded` whatever is installed."""
    program = shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin")
    if embedded or program is None:
        return "amqtt (embedded)", [sys.executable, "-m", "edgeferry.demo.broker", str(port)]
    config = folder / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    return "mosquitto", [program, "-c", str(config)]


async def serve(port: int) -> None:
    """Run the embedded broker until the process is told to stop."""
    from amqtt.broker import Broker

    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    broker = Broker({"listeners": listeners, "plugins": anonymous})
    await broker.start()
    try:
        await asyncio.Event().wait()
    finally:
        await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1])))
