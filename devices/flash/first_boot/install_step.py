"""How the payload is installed at the first start, the same for every format.

The format's own hook runs `arrange.sh`, which only enables a service: hooks run early, without a network, or with a
time limit. The service runs `install.sh` where it lies, again every 30 seconds until that worked, and then takes the
folder away: keys do not stay on a partition that every card reader shows.
"""

from __future__ import annotations

FOLDER = "edgeferry"
"""On the boot partition."""
PAYLOAD = f"{FOLDER}/payload"
ARRANGE = f"{FOLDER}/arrange.sh"
SERVICE = "edgeferry-first-boot.service"


def scripts() -> dict[str, bytes]:
    """The two scripts, by path on the boot partition."""
    return {ARRANGE: _ARRANGE.encode(), f"{FOLDER}/first-boot.sh": _FIRST_BOOT.encode()}


def overlay_scripts(folder: str) -> dict[str, bytes]:
    """Service and script of a root file system whose payload lies in the absolute `folder`, by path below the root."""
    return {
        f"etc/systemd/system/{SERVICE}": _unit(folder).encode(),
        f"{folder.lstrip('/')}/first-boot.sh": _FIRST_BOOT.encode(),
    }


def _unit(folder: str) -> str:
    return f"""\
[Unit]
Description=Set up edgeferry for the first time
ConditionPathExists={folder}/first-boot.sh
Wants=network-online.target
After=local-fs.target network-online.target time-sync.target

[Service]
Type=oneshot
ExecStart=/bin/sh {folder}/first-boot.sh
Restart=on-failure
RestartSec=30

[Install]
WantedBy=multi-user.target
"""


_ARRANGE = f"""\
#!/bin/sh
# Have this folder's payload installed once the system is up. As root; `arrange.sh start` does not wait for a restart.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cat > /etc/systemd/system/{SERVICE} <<EOF
{_unit("$here")}EOF
systemctl daemon-reload
systemctl enable {SERVICE}
if [ "${{1:-}}" = start ]; then systemctl start --no-block {SERVICE}; fi
"""

_FIRST_BOOT = f"""\
#!/bin/sh
# Run by {SERVICE}. One function, because it removes the file it is read from.
set -eu
main() {{
    here=$(cd "$(dirname "$0")" && pwd)
    sh "$here/payload/install.sh"
    rm -rf "$here"
    systemctl disable {SERVICE}
    rm -f /etc/systemd/system/{SERVICE}
    sync
}}
main
exit
"""
