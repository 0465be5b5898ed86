"""What one device is to be: everything a person decides before it is flashed, checked as one struct.

The values come from a TOML file, options or a row of a table; whichever said it, the same checks hold. What becomes of
them on the device is `devices/payload.py`'s matter (agent) and `devices/flash/`'s (operating system).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from contract.claim_code import normal
from contract.codec import from_toml, plain
from contract.errors import ConfigError
from contract.topics import checked_name
from devices.profiles import load_profile

PATHS = ("scene", "tuf_root", "device_key", "device_cert", "ca", "enroll_ca", "broker_password_file", "wheelhouse")
"""Settings that name a file or a folder; relative ones hang on the file they were read from."""
MANY_PATHS = ("publishers", "fleet_keys")
MASK = "…"
_SECRETS = ("password_hash", "claim")
_NO_HOST_NAME = re.compile(r"[^a-z0-9]+")
_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_CRYPT = re.compile(r"\$(y|5|6)\$[^\s:]+")
"""crypt(5): yescrypt, sha256crypt, sha512crypt. Anything else would be a password in the clear."""
_PRE_SHARED_KEY = re.compile(r"[0-9A-Fa-f]{64}")


class Wifi(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The wireless network a device joins at its first start."""

    ssid: Annotated[str, Meta(min_length=1)]
    """At most 32 bytes of UTF-8 (IEEE 802.11)."""
    password: str | None = None
    """8 to 63 characters, or the 64 hexadecimal digits of the key made from it. None for an open network."""
    country: Annotated[str, Meta(pattern="^[A-Z]{2}$")]
    """ISO 3166-1, e.g. `DE`: which channels may be used. Without one, some boards keep their radio off."""
    security: Literal["wpa2", "wpa3", "open"] = "wpa2"
    hidden: bool = False


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One device. Paths are absolute once `settings_from` has seen them."""

    device_id: str
    profile: str
    broker: str
    """`mqtt://HOST[:PORT]` or `mqtts://HOST[:PORT]`."""
    fleet: str = "default"
    site: str = ""
    camera: str = "/dev/video0"
    """As for `edgeferry run --source`."""
    scene: str | None = None
    """A `scene.toml`: what to look for in this camera's view."""
    pictures: Literal["private", "shared"] = "private"
    """Whether the fleet's operators may look at what the scene keeps."""

    publishers: tuple[str, ...] = ()
    """Public keys of those who may sign bundles; at least one."""
    fleet_keys: tuple[str, ...] = ()
    """Public keys of those who may assign bundles."""
    tuf_root: str | None = None
    """The update repository's `root.json`, to pin."""

    device_key: str | None = None
    """The device's private key (PEM), for TLS; with `device_cert`."""
    device_cert: str | None = None
    ca: str | None = None
    """Who signed the broker's certificate, where the system does not know them."""
    claim: str | None = None
    """A one-time claim code, with which the device gets its certificate by itself; instead of `device_key`."""
    enroll_server: str | None = None
    """The fleet's server (`https://…`), where it gets and renews its certificate."""
    enroll_ca: str | None = None
    """Certificate authorities of that server, for https, where the system does not know them."""
    broker_username: str | None = None
    broker_password_file: str | None = None

    wheelhouse: str | None = None
    """A folder of wheels, for devices that install without a network; None where they may ask a package index."""
    extras: tuple[str, ...] = ("camera",)
    """Of edgeferry itself."""
    packages: tuple[str, ...] = ()
    """Further packages, as pip reads them."""

    hostname: str = ""
    """Made from `device_id` where it is empty."""
    user: str = ""
    """Who may log in; no user is made where it is empty."""
    ssh_authorized_keys: tuple[str, ...] = ()
    """Lines as in `~/.ssh/authorized_keys`, not files."""
    password_hash: str | None = None
    """Of that user, as crypt(5) writes it (`openssl passwd -6`); None for no log-in by password."""
    wifi: Wifi | None = None
    timezone: str | None = None
    """As in the time zone database, e.g. `Europe/Berlin`."""
    keymap: str | None = None
    """Of the console, e.g. `de`."""

    @property
    def host(self) -> str:
        """The host name, or the one made from the device's id: lower case, hyphens, 63 characters."""
        return self.hostname or _NO_HOST_NAME.sub("-", self.device_id.lower())[:63].strip("-")


def read_settings(path: Path) -> dict[str, Any]:
    """The values in a TOML file, their paths made absolute; unchecked, because options may still add to them.

    ConfigError where it cannot be read. A setting nobody knows is found by `settings_from`.
    """
    try:
        data = path.read_bytes()
    except OSError as problem:
        raise ConfigError(
            f"the settings cannot be read: {problem.strerror}", where=str(path), fix="Check the path."
        ) from problem
    return anchored(from_toml(data, dict[str, Any], where=str(path), error=ConfigError), path.resolve().parent)


def anchored(values: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The same values, relative paths among them hanging on `folder`."""
    found = dict(values)
    for name in PATHS:
        if isinstance(text := found.get(name), str):
            found[name] = str(folder / text)
    for name in MANY_PATHS:
        if isinstance(texts := found.get(name), list | tuple) and all(isinstance(text, str) for text in texts):
            found[name] = [str(folder / text) for text in texts]
    return found


def settings_from(values: Mapping[str, Any], *, where: str) -> Settings:
    """The settings in `values`, checked. ConfigError names the one that is missing, unknown or wrong."""
    try:
        settings = msgspec.convert(dict(values), Settings)
    except msgspec.ValidationError as problem:
        raise ConfigError(plain(str(problem)), where=where, fix="Correct that setting: docs/install.md.") from problem
    try:
        checked_name(settings.fleet, what="fleet")
        checked_name(settings.device_id, what="device")
        load_profile(settings.profile)
    except ConfigError as problem:
        raise ConfigError(problem.what, where=f"{where}, {problem.where}", fix=problem.fix) from problem
    if (wrong := _wrong(settings)) is not None:
        name, what, fix = wrong
        raise ConfigError(what, where=f"{where}, {name}", fix=fix)
    return settings


def masked(settings: Settings) -> Settings:
    """The same to show: without passwords and their hashes."""
    hidden = {name: MASK for name in _SECRETS if getattr(settings, name) is not None}
    wifi = settings.wifi
    if wifi is not None and wifi.password is not None:
        wifi = replace(wifi, password=MASK)
    return replace(settings, wifi=wifi, **hidden)


def _wrong(settings: Settings) -> tuple[str, str, str] | None:
    """(setting, what is wrong with it, what to do) for the first that types cannot tell."""
    if not settings.publishers:
        return "publishers", "no publisher's key is named, so no bundle could be trusted", "Name their public keys."
    if not settings.broker.startswith(("mqtt://", "mqtts://")) or "@" in settings.broker:
        return "broker", "this is no broker's address", "Write mqtts://HOST[:PORT]; user and password are settings."
    if not _HOST_NAME.fullmatch(settings.host):
        return "hostname", f"{settings.host!r} is no host name", "Use up to 63 lower-case letters, digits and hyphens."
    if settings.user and not _USER.fullmatch(settings.user):
        return "user", f"{settings.user!r} is no user's name", "Use lower-case letters, digits, - and _."
    if settings.password_hash is not None and not _CRYPT.fullmatch(settings.password_hash):
        return "password_hash", "this is no hash of a password", "Make one: openssl passwd -6"
    if (settings.device_key is None) != (settings.device_cert is None):
        return "device_key", "a key and its certificate belong together", "Name both, or neither."
    if (wrong := _wrong_enrolment(settings)) is not None:
        return wrong
    if any(not line.strip() or "\n" in line.strip() for line in settings.ssh_authorized_keys):
        return "ssh_authorized_keys", "each must be one line", "Give the line of FILE.pub, not its name."
    return None if settings.wifi is None else _wrong_wifi(settings.wifi)


def _wrong_enrolment(settings: Settings) -> tuple[str, str, str] | None:
    if settings.claim is None and settings.enroll_server is None and settings.enroll_ca is None:
        return None
    if settings.enroll_server is None or not settings.enroll_server.startswith(("http://", "https://")):
        return "enroll_server", "nothing says where the device gets its certificate", "Write https://HOST[:PORT]."
    if settings.device_key is not None:
        return "claim", "there is a key already, and a claim code makes one", "Name one of the two."
    if settings.claim is not None:
        try:
            normal(settings.claim)
        except ConfigError as problem:
            return "claim", problem.what, problem.fix
    return None


def _wrong_wifi(wifi: Wifi) -> tuple[str, str, str] | None:
    if len(wifi.ssid.encode()) > 32:
        return "wifi.ssid", "longer than the 32 bytes a network's name may have", "Check it."
    if (wifi.security == "open") != (wifi.password is None):
        return "wifi.password", f"it does not go with security = {wifi.security!r}", "Open networks have none."
    password = wifi.password
    if password is None or (8 <= len(password) <= 63 and password.isprintable()):
        return None
    if wifi.security == "wpa2" and _PRE_SHARED_KEY.fullmatch(password):
        return None
    return "wifi.password", "not 8 to 63 characters on one line", "Check it."
