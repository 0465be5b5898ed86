"""What a plan would write, for `--dry-run`: texts as unified diffs, the rest as size and digest, never a secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import unified_diff

from devices.flash.boot_files import BootFiles
from devices.flash.first_boot.wifi import pre_shared_key
from devices.flash.plan import Plan, Wanted
from devices.settings import Settings

MASK = "…"
_TEXT_BYTES_MAX = 1 << 18
_SECRET_KEYS = re.compile(r"((?:psk|passwd|password)[\"']?\s*[=:]\s*)(?!true\b|false\b).+", re.IGNORECASE)
_CRYPT = re.compile(r"\$(?:y|5|6|2[aby]|1)\$[^\s'\":]+")


def shown(boot: BootFiles, plan: Plan, settings: Settings) -> Iterator[str]:
    """Line by line, of a boot partition."""
    for path in plan.remove:
        yield f"--- {path}: removed"
    yield from shown_files(boot.read, plan.write, plan.secrets, settings)


def shown_files(
    there: Callable[[str], bytes | None], write: Mapping[str, Wanted], secrets: Collection[str], settings: Settings
) -> Iterator[str]:
    """Line by line, of any files. `there` reads the old ones, `secrets` names all that are shown to nobody.

    What is there already may hold older secrets, so both sides are masked by their keys as well.
    """
    hidden, secret_paths = _words(settings), tuple(secrets)
    for path, want in write.items():
        old = there(path)
        new = None if want.secret else _text(b"".join(want.file.chunks()) if _is_small(want) else None)
        before = "" if old is None else _text(old)
        if new is None or before is None:
            yield _summary(path, want, old)
            continue
        yield from unified_diff(
            _masked(before, hidden, secret_paths),
            _masked(new, hidden, secret_paths),
            "/dev/null" if old is None else f"there/{path}",
            f"flashed/{path}",
            lineterm="",
        )


def _summary(path: str, want: Wanted, old: bytes | None) -> str:
    """A digest would give a short password away, so secrets come without one."""
    what = "secret" if want.secret else f"sha256 {want.file.sha256()}"
    before = "new" if old is None else f"was {len(old)} bytes"
    return f"+++ flashed/{path}: {want.file.size_bytes} bytes, {what} ({before})"


def _is_small(want: Wanted) -> bool:
    return want.file.size_bytes <= _TEXT_BYTES_MAX


def _text(data: bytes | None) -> str | None:
    if data is None or len(data) > _TEXT_BYTES_MAX or b"\0" in data:
        return None
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _words(settings: Settings) -> tuple[str, ...]:
    wifi = settings.wifi
    found = [settings.password_hash]
    if wifi is not None:
        found += [wifi.password, pre_shared_key(wifi)]
    return tuple(word for word in found if word)


def _masked(text: str, hidden: Iterable[str], secret_paths: tuple[str, ...]) -> list[str]:
    for word in hidden:
        text = text.replace(word, MASK)
    text = _SECRET_KEYS.sub(lambda found: found[1] + MASK, _CRYPT.sub(MASK, text))
    return [_without_digest(line, secret_paths) for line in text.splitlines()]


def _without_digest(line: str, secret_paths: tuple[str, ...]) -> str:
    """In the list of digests, a secret file's line names the file alone."""
    listed = line[66:]
    secret = line[64:66] == "  " and bool(listed) and any(path.endswith(f"/{listed}") for path in secret_paths)
    return f"{MASK}  {listed}" if secret else line
