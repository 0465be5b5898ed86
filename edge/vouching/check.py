"""The process in which python-tuf judges metadata; the only file of this room that imports it.

`python -m edge.vouching.check` lives for one refresh: what the library and the documents take in memory goes with it,
and a document that crashes a parser crashes no agent. It has no network: it asks its parent for each file. It writes
only into the folder it is given, from which the parent keeps, durably, what was accepted (`edge/vouching/cache.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, cast

import msgspec
from tuf.api.exceptions import DownloadError, DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from contract.metadata import MOST_BYTES, POLICY, SIGNED_AT
from contract.moments import unix_s
from edge.clock import Anchor
from edge.vouching.talk import (
    FETCHED,
    PINNED,
    Reply,
    Role,
    RootDocument,
    Target,
    Task,
    Verdict,
    Want,
)

Document: TypeAlias = Root | Timestamp | Snapshot | Targets
Fetch: TypeAlias = Callable[[Want], bytes | None]
"""A file of the repository, or None where there is none."""

_BASE = "/"
_CONFIG = UpdaterConfig(
    # Counted from the pinned root, also over those in the cache: years of rotations have to fit.
    max_root_rotations=1024,
    # Only the top-level targets role counts: whom it might delegate to has no say on a device.
    max_delegations=0,
    root_max_length=MOST_BYTES["root"],
    timestamp_max_length=MOST_BYTES["timestamp"],
    snapshot_max_length=MOST_BYTES["snapshot"],
    targets_max_length=MOST_BYTES["targets"],
)


class Asking(FetcherInterface):
    """Whatever python-tuf wants to download, `fetch` is asked for."""

    def __init__(self, fetch: Fetch) -> None:
        self._ask = fetch
        self.last = b""
        """What came last."""

    def _fetch(self, url: str) -> Iterator[bytes]:
        raise NotImplementedError

    def download_bytes(self, url: str, max_length: int) -> bytes:
        """The whole file, no longer than `max_length`."""
        name = url.removeprefix(_BASE)
        data = self._ask(Want(name=name, at_most_bytes=max_length))
        if data is None:
            raise DownloadHTTPError(f"there is no {name}", 404)
        self.last = data
        return data


def judged(task: Task, fetch: Fetch) -> Verdict:
    """Refresh as the TUF specification says (section 5), by `task.now_s`, and look the file up."""
    folder, asking = Path(task.folder), Asking(fetch)
    try:
        updater = updater_at(task, asking)
        updater.refresh()
        return _accepted(folder, updater.get_targetinfo(task.file_name))
    except ExpiredMetadataError as problem:
        late = _expired(folder, asking.last, str(problem))
        return Verdict(problem="expired", detail=str(problem), anchor=_anchor(folder), roles=late)
    except (RepositoryError, DownloadError, ValueError) as problem:
        return Verdict(problem="refused", detail=str(problem), anchor=_anchor(folder))


def updater_at(task: Task, fetcher: FetcherInterface) -> Updater:
    """python-tuf's client, told the time: it would ask the system's clock.

    It has no public way to be told. Whoever calls compares the expiry of what was accepted with the time once more, so
    a version that no longer listens here makes nothing laxer, and `tests/edge/vouching/test_check.py` fails.
    """
    updater = Updater(
        task.folder,
        _BASE,
        fetcher=fetcher,
        config=_CONFIG,
        bootstrap=(Path(task.folder) / PINNED).read_bytes(),
    )
    updater._trusted_set.reference_time = datetime.fromtimestamp(task.now_s, timezone.utc)
    return updater


def _accepted(folder: Path, target: TargetFile | None) -> Verdict:
    documents = {role: _read(folder, role) for role in MOST_BYTES}
    found = Target(size_bytes=target.length, sha256=target.hashes.get("sha256", "")) if target else None
    return Verdict(
        anchor=_anchor(folder),
        roles=tuple(map(_role, documents.values())),
        target=found,
        policy=documents["targets"].unrecognized_fields.get(POLICY),
    )


def _read(folder: Path, role: str) -> Document:
    return _parsed((folder / f"{role}.json").read_bytes())


def _parsed(data: bytes) -> Document:
    document: Metadata[Any] = Metadata.from_bytes(data)
    return cast("Document", document.signed)


def _role(signed: Document) -> Role:
    """ValueError where it says it was signed at a moment that is none."""
    signed_at = signed.unrecognized_fields.get(SIGNED_AT)
    if signed_at is not None and not isinstance(signed_at, str):
        raise ValueError(f"{SIGNED_AT} of {signed.type} is no moment")
    return Role(
        name=signed.type,
        version=signed.version,
        expires_s=signed.expires.timestamp(),
        signed_s=unix_s(signed_at) if signed_at else 0.0,
    )


def _anchor(folder: Path) -> Anchor:
    """Of `root.json`, which python-tuf keeps at the newest root it trusts; an empty one before there is any."""
    if not (folder / "root.json").exists():
        return Anchor()
    return msgspec.convert(_read(folder, "root").to_dict(), RootDocument).anchor()


def _expired(folder: Path, last: bytes, complaint: str) -> tuple[Role, ...]:
    """The role that is out of date, for the words about it: `complaint` names it; it is in the cache or came last."""
    found = []
    for read in (*(partial(_read, folder, role) for role in MOST_BYTES), partial(_parsed, last)):
        with suppress(RepositoryError, ValueError, OSError):
            found.append(_role(read()))
    meant = [role for role in found if role.name in complaint]
    return (max(meant, key=lambda role: role.version),) if meant else ()


def main() -> None:
    """One task from standard input, its verdict to standard output."""
    task = msgspec.json.decode(sys.stdin.buffer.readline(), type=Task)

    def fetch(want: Want) -> bytes | None:
        _say(want)
        reply = msgspec.json.decode(sys.stdin.buffer.readline(), type=Reply)
        return (Path(task.folder) / FETCHED).read_bytes() if reply.found else None

    _say(judged(task, fetch))


def _say(what: Want | Verdict) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(what) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
