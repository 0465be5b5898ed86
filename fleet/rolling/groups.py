"""Named sets of devices in the store: by a filter, which is asked anew each time, or by a list."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from contract.codec import to_json
from contract.errors import ConfigError
from contract.moments import rfc3339
from fleet import tables
from fleet.refusals import ConflictError, NotFoundError
from fleet.rolling import filters
from fleet.rolling.answers import Group, GroupDetail, GroupOrder
from fleet.rolling.terms import Target

_TABLE = tables.GROUPS
_SHOWN = 1000


def create(connection: Connection, order: GroupOrder, now_s: float, by: str = "local") -> None:
    """Keep it; a group's meaning never changes, so a name that is taken is refused."""
    if (order.filter is None) == (order.devices is None):
        raise ConfigError(
            "a group has either a filter or devices", where=f"group {order.name}", fix="Give one of them."
        )
    if order.filter is not None:
        filters.parse(order.filter)
    if connection.scalar(sa.select(_TABLE.c.name).where(_TABLE.c.name == order.name)) is not None:
        raise ConflictError(
            "it exists already", where=f"group {order.name}", fix=f"Delete it first: fleet group delete {order.name}"
        )
    devices = None if order.devices is None else to_json(tuple(dict.fromkeys(order.devices))).decode()
    values = {"name": order.name, "filter": order.filter, "devices": devices, "created_s": now_s, "created_by": by}
    connection.execute(_TABLE.insert().values(values))


def delete(connection: Connection, name: str) -> None:
    """Forget it; rollouts keep the devices they were given, but a dynamic one needs its group."""
    if not connection.execute(_TABLE.delete().where(_TABLE.c.name == name)).rowcount:
        raise _unknown(name)


def list_groups(connection: Connection) -> tuple[Group, ...]:
    """All by name."""
    return tuple(Group(**_facts(row)) for row in connection.execute(sa.select(_TABLE).order_by(_TABLE.c.name)))


def show(connection: Connection, name: str) -> GroupDetail:
    """One with its members at this moment."""
    from fleet.rolling.choosing import choose

    row = _found(connection, name)
    members = sorted(c.device for c in choose(connection, target_of(connection, name), now_s=0.0, kindly=True))
    return GroupDetail(**_facts(row), size=len(members), members=tuple(members[:_SHOWN]))


def target_of(connection: Connection, name: str) -> Target:
    """What the group stands for; NotFoundError for an unknown one."""
    row = _found(connection, name)
    return Target(devices=_devices(row), where=row.filter)


def _found(connection: Connection, name: str) -> Row[Any]:
    row = connection.execute(sa.select(_TABLE).where(_TABLE.c.name == name)).first()
    if row is None:
        raise _unknown(name)
    return row


def _devices(row: Row[Any]) -> tuple[str, ...] | None:
    return None if row.devices is None else msgspec.json.decode(row.devices, type=tuple[str, ...])


def _facts(row: Row[Any]) -> dict[str, Any]:
    return {
        "name": row.name,
        "filter": row.filter,
        "devices": _devices(row),
        "created_at": rfc3339(row.created_s),
        "created_by": row.created_by,
    }


def _unknown(name: str) -> NotFoundError:
    return NotFoundError(f"no group {name!r}", where="groups", fix="List them: edgeferry fleet group list")
