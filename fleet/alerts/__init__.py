"""What is wrong in the fleet, told once to those who can mend it: rules, silences, notifications.

`rules.py` and `levels.py` decide and know no clock, store or network; `watchman.py` looks every few seconds;
`book.py` keeps alerts in the store, `outbox.py` what is to be sent, `sender.py` sends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

    from fleet.alerts.answers import Alert


def open_alerts(connection: Connection) -> tuple[Alert, ...]:
    """Every alert that has not ended, the worst first, then the newest."""
    from fleet.alerts.listing import list_alerts

    return list_alerts(connection, is_open=True)
