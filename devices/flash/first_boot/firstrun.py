"""`firstrun.sh`, as Raspberry Pi OS Bookworm reads it (init_format "systemd" in raspberrypi/rpi-imager).

systemd runs it at the second start (the first one widens the file system), restarts, and it must take itself and its
words on the kernel command line away. Nothing in it may stop it: a step that fails is in the log, and the rest goes on.
"""

from __future__ import annotations

from shlex import quote

from devices.flash.first_boot import cmdline
from devices.flash.first_boot.install_step import ARRANGE
from devices.flash.first_boot.start import Start
from devices.flash.first_boot.wifi import KEYFILE, network_manager_keyfile
from devices.settings import Wifi

SCRIPT = "firstrun.sh"
_WORDS = (
    f"systemd.run=/boot/firmware/{SCRIPT}",
    "systemd.run_success_action=reboot",
    "systemd.unit=kernel-command-line.target",
)
_OURS = ("systemd.run=", "systemd.run_success_action=", "systemd.unit=kernel-command-line.target")
_NO_PASSWORD = "*"  # nosec B105  # says that none opens it
"""A hash no password has; an empty one would let everybody in."""
_HEAD = """\
#!/bin/sh
# Written by edgeferry: sets this system up at its first start, then removes itself.
set +e
umask 022
exec >>/var/log/edgeferry-first-boot.log 2>&1
boot=$(cd "$(dirname "$0")" && pwd)
custom=/usr/lib/raspberrypi-sys-mods/imager_custom
"""
_TAIL = f"""\
sh "$boot/{ARRANGE}"
rm -f "$boot/{SCRIPT}"
sed -i 's| systemd\\.run.*||g' "$boot/{cmdline.PATH}"
exit 0
"""


def files(start: Start) -> dict[str, bytes]:
    """The script, and the command line that starts it."""
    settings = start.settings
    steps = [f'"$custom" set_hostname {quote(settings.host)}']
    if settings.ssh_authorized_keys:
        steps.append(f'"$custom" enable_ssh -k {" ".join(quote(key) for key in settings.ssh_authorized_keys)}')
    elif settings.password_hash is not None:
        steps.append('"$custom" enable_ssh')
    if settings.user:
        password = settings.password_hash or _NO_PASSWORD
        steps.append(f"/usr/lib/userconf-pi/userconf {quote(settings.user)} {quote(password)}")
    if settings.wifi is not None:
        steps.append(_wifi(settings.wifi))
    if settings.keymap is not None:
        steps.append(f'"$custom" set_keymap {quote(settings.keymap)}')
    if settings.timezone is not None:
        steps.append(f'"$custom" set_timezone {quote(settings.timezone)}')
    script = _HEAD + "".join(f"{step}\n" for step in steps) + _TAIL
    return {SCRIPT: script.encode(), cmdline.PATH: cmdline.with_words(start.boot, _WORDS, instead_of=_OURS)}


def _wifi(wifi: Wifi) -> str:
    """NetworkManager takes no file that others may read."""
    return "\n".join(
        (
            f"raspi-config nonint do_wifi_country {quote(wifi.country)}",
            f"(umask 077 && printf %s {quote(network_manager_keyfile(wifi))} > {KEYFILE})",
            "rfkill unblock wifi",
        )
    )
