"""The wireless network, in the two spellings that need care: the derived key, and NetworkManager's file.

raspberrypi-sys-mods' own `imager_custom set_wlan` knows no WPA3 and writes names unescaped, so firstrun brings the
file ready made (NetworkManager's nm-settings-keyfile(5)).
"""

from __future__ import annotations

import hashlib
import re
import uuid

from devices.settings import Wifi

KEYFILE = "/etc/NetworkManager/system-connections/edgeferry-wifi.nmconnection"
_HEX_KEY = re.compile(r"[0-9A-Fa-f]{64}")
_NAMESPACE = uuid.UUID("7d1c0fb6-1d3c-4b8c-9a51-6e2f8a3c4d10")


def pre_shared_key(wifi: Wifi) -> str | None:
    """What opens a WPA2 network: 64 hexadecimal digits (IEEE 802.11-2020, J.4.1). None for any other network.

    It is derived here because no format garbles digits; and the card does not carry the words themselves.
    """
    if wifi.security != "wpa2" or wifi.password is None:
        return None
    if _HEX_KEY.fullmatch(wifi.password):
        return wifi.password.lower()
    return hashlib.pbkdf2_hmac("sha1", wifi.password.encode(), wifi.ssid.encode(), 4096, 32).hex()


def network_manager_keyfile(wifi: Wifi) -> str:
    """The connection as NetworkManager keeps it; the name as a list of bytes, which has no special characters."""
    name = "".join(f"{byte};" for byte in wifi.ssid.encode())
    lines = ["[connection]", "id=edgeferry-wifi", f"uuid={uuid.uuid5(_NAMESPACE, wifi.ssid)}", "type=wifi", ""]
    lines += ["[wifi]", "mode=infrastructure", f"ssid={name}", f"hidden={str(wifi.hidden).lower()}", ""]
    if wifi.security == "wpa2":
        lines += ["[wifi-security]", "key-mgmt=wpa-psk", f"psk={pre_shared_key(wifi)}", ""]
    elif wifi.security == "wpa3":
        lines += ["[wifi-security]", "key-mgmt=sae", f"psk={_escaped(wifi.password or '')}", ""]
    lines += ["[ipv4]", "method=auto", "", "[ipv6]", "addr-gen-mode=default", "method=auto", ""]
    return "\n".join(lines)


def _escaped(text: str) -> str:
    """As GLib's key files want it: backslashes, and the spaces that would be stripped."""
    text = text.replace("\\", "\\\\")
    ends = len(text) - len(text.lstrip(" "))
    return "\\s" * ends + text[ends:]
