"""Rows of `releases` as answers, and the bundles of one release by profile."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.bundle import SUFFIX
from contract.digest import hex_of
from contract.errors import ConfigError
from contract.moments import rfc3339
from fleet import tables
from fleet.answers import Evidence, Release, ReleasedBundle, Uploaded, UploadedDelta
from fleet.deltas import list_deltas
from fleet.refusals import NotFoundError


def bundle_path(digest: str) -> str:
    """Where this server offers a bundle, from its root."""
    return f"/bundles/{bundle_name(digest)}"


def bundle_name(digest: str) -> str:
    """What a bundle's file is called in the repository."""
    return hex_of(digest) + SUFFIX


def list_releases(connection: Connection) -> tuple[Release, ...]:
    """Newest first: by the moment a release's latest bundle came."""
    table = tables.RELEASES.c
    rows = connection.execute(sa.select(tables.RELEASES).order_by(table.name, table.version, table.profile)).all()
    grouped = [list(rows) for _, rows in groupby(rows, key=lambda row: (row.name, row.version))]
    grouped.sort(key=lambda rows: max(row.added_s for row in rows), reverse=True)
    return tuple(
        Release(release=f"{rows[0].name}@{rows[0].version}", bundles=tuple(map(_bundle, rows))) for rows in grouped
    )


def bundles_of(connection: Connection, release: str) -> dict[str, str]:
    """Digest by profile of NAME@VERSION; NotFoundError when there is none."""
    name, version = parse_release(release)
    table = tables.RELEASES.c
    query = sa.select(table.profile, table.digest).where((table.name == name) & (table.version == version))
    found = {row.profile: row.digest for row in connection.execute(query)}
    if not found:
        raise NotFoundError(
            f"no release {release}", where="repository", fix="Upload it: edgeferry fleet release BUNDLE"
        )
    return found


def uploaded(connection: Connection, digest: str, *, new: bool) -> Uploaded:
    """What the bundle with `digest` is called."""
    row = connection.execute(sa.select(tables.RELEASES).where(tables.RELEASES.c.digest == digest)).one()
    return Uploaded(digest=digest, release=f"{row.name}@{row.version}", profile=row.profile, new=new)


def uploaded_delta(connection: Connection, digest: str, *, new: bool) -> UploadedDelta:
    """What the delta with `digest` is for."""
    row = next(row for row in list_deltas(connection) if row.digest == digest)
    return UploadedDelta(
        digest=digest,
        base=row.base,
        target=row.target,
        release=f"{row.name}@{row.version}",
        profile=row.profile,
        size_bytes=row.size_bytes,
        new=new,
    )


def parse_release(text: str) -> tuple[str, int]:
    """`NAME@VERSION` taken apart; ConfigError for anything else."""
    name, _, version = text.rpartition("@")
    if not name or not version.isascii() or not version.isdecimal() or len(version) > 9:
        raise ConfigError(f"{text!r} is not a release", where="release", fix="Write NAME@VERSION, like digits@2.")
    return name, int(version)


def _bundle(row: Row[Any]) -> ReleasedBundle:
    return ReleasedBundle(
        profile=row.profile,
        digest=row.digest,
        format=row.format,
        task=row.task,
        size_bytes=row.size_bytes,
        keyid=row.keyid,
        verified=row.verified,
        evidence=Evidence.model_validate_json(row.evidence),
        note=row.note,
        added_at=rfc3339(row.added_s),
        url=bundle_path(row.digest),
    )
