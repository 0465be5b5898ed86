"""Deltas in the store: what each leads from and to, and which of them spares a device the whole bundle.

What stands in a delta's file is `contract/delta.py`'s matter; only its header is read here. That the segments lead to
the bundle is for the device to find out, which judges the result by its digest.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.delta import SUFFIX, Header
from contract.delta import read_header as read_from
from contract.digest import hex_of
from contract.errors import ConfigError
from contract.messages import Birth
from fleet import tables
from fleet.refusals import ConflictError, NotFoundError

MayOffer = Callable[[str], bool]
"""Whether a file, by its name in the repository, may be offered to devices."""


def read_header(path: Path, *, where: str) -> Header:
    """What the delta in `path` is for; DeltaError where it is none."""
    with path.open("rb") as stream:
        return read_from(stream, where=where)


def delta_path(digest: str) -> str:
    """Where this server offers a delta, from its root."""
    return f"/bundles/{delta_name(digest)}"


def delta_name(digest: str) -> str:
    """What a delta's file is called in the repository."""
    return hex_of(digest) + SUFFIX


def add(connection: Connection, header: Header, digest: str, size_bytes: int, now_s: float, *, where: str) -> bool:
    """Make a delta known; False where it was. It must lead to a release of this repository, and be smaller."""
    table, releases = tables.DELTAS, tables.RELEASES.c
    if connection.scalar(sa.select(table.c.digest).where(table.c.digest == digest)) is not None:
        return False
    whole = connection.scalar(sa.select(releases.size_bytes).where(releases.digest == header.target))
    if whole is None:
        raise NotFoundError(
            f"it leads to {header.release}, {header.target[:19]}…, which is not released here",
            where=where,
            fix="Release that bundle first: edgeferry fleet release BUNDLE",
        )
    if whole != header.size_bytes:
        raise ConflictError(
            f"it says {header.release} has {header.size_bytes} bytes, and it has {whole}",
            where=where,
            fix="Make the delta again from the released bundle.",
        )
    if size_bytes >= whole:
        raise ConfigError(
            f"{size_bytes} bytes are no less than the bundle's {whole}", where=where, fix="Send the bundle as it is."
        )
    row = {"digest": digest, "base": header.base, "target": header.target, "size_bytes": size_bytes, "added_s": now_s}
    connection.execute(table.insert().values(row))
    return True


def choose(connection: Connection, device: str, target: str, may_offer: MayOffer) -> str | None:
    """The smallest delta to `target` from a bundle `device` said it holds; None where there is none."""
    said = connection.scalar(sa.select(tables.DEVICES.c.birth).where(tables.DEVICES.c.device == device))
    holds = msgspec.json.decode(said, type=Birth).holds if said else ()
    table = tables.DELTAS.c
    fitting = sa.select(table.digest).where((table.target == target) & table.base.in_(holds))
    found = connection.scalars(fitting.order_by(table.size_bytes, table.digest))
    return next((digest for digest in found if may_offer(delta_name(digest))), None)


def list_deltas(connection: Connection) -> list[Row[Any]]:
    """Every delta with the release it leads to, newest first."""
    table, release = tables.DELTAS, tables.RELEASES
    columns = (table, release.c.name, release.c.version, release.c.profile)
    joined = sa.select(*columns).join(release, table.c.target == release.c.digest)
    return list(connection.execute(joined.order_by(table.c.added_s.desc(), table.c.digest)))
