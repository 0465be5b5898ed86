"""The table of who may call what, by method and path: read it from the top, the first line that fits decides.

A path that is not written in its plain form (`//`, `/../`, a backslash) is nobody's, so that what is judged here
is what is routed later. What no line names is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from fleet.people.actor import Role

Needs = Role | Literal["nobody", "metrics"]
"""`nobody`: open to all, it judges by itself or has nothing to hide. `metrics`: open on loopback, else a viewer."""
READ = frozenset({"GET", "HEAD", "OPTIONS"})
CHANGE = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SOCKET = frozenset({"WEBSOCKET"})
_STRANGE = re.compile(r"//|/\.{1,2}(?:/|$)|[\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Rule:
    """One line: these methods, on `path` and all below it."""

    path: str
    methods: frozenset[str]
    needs: Needs
    recorded: bool = False
    """Whether the audit gets an entry for each call."""

    def fits(self, method: str, path: str) -> bool:
        """Whether this line decides."""
        below = self.path if self.path.endswith("/") else f"{self.path}/"
        return method in self.methods and (path == self.path or path.startswith(below))


RULES = (
    Rule("/bundles", READ, "nobody"),
    Rule("/metadata", READ, "nobody"),
    Rule("/enroll", READ | CHANGE, "nobody"),
    Rule("/favicon.ico", READ, "nobody"),
    Rule("/login", READ | {"POST"}, "nobody"),
    Rule("/logout", READ | {"POST"}, "nobody"),
    Rule("/password", READ | {"POST"}, "viewer"),
    Rule("/metrics", READ, "metrics"),
    Rule("/_nicegui_ws", READ | SOCKET | {"POST"}, "viewer"),
    Rule("/_nicegui", CHANGE, "operator", recorded=True),
    Rule("/api/me", READ, "viewer"),
    Rule("/api/users", READ, "admin"),
    Rule("/api/users", CHANGE, "admin", recorded=True),
    Rule("/api/tokens", READ, "admin"),
    Rule("/api/tokens", CHANGE, "admin", recorded=True),
    Rule("/api/audit", READ, "admin"),
    Rule("/api/audit", CHANGE, "admin", recorded=True),
    Rule("/api/trust", CHANGE, "admin", recorded=True),
    Rule("/api/identity", CHANGE, "admin", recorded=True),
    Rule("/api/settings", CHANGE, "admin", recorded=True),
    Rule("/api/pictures", READ, "operator", recorded=True),
    Rule("/api/rollouts/preview", frozenset({"POST"}), "operator"),
    Rule("/api", CHANGE, "operator", recorded=True),
    Rule("/", READ, "viewer"),
)


def rule_for(method: str, path: str) -> Rule | None:
    """The line that decides; None where nobody may."""
    if _STRANGE.search(path) or not path.startswith("/"):
        return None
    return next((rule for rule in RULES if rule.fits(method, path)), None)


def is_device_path(path: str) -> bool:
    """Whether devices call it: they carry no login, and thousands of them may share one address."""
    return path.startswith(("/bundles/", "/metadata/"))
