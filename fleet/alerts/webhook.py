"""A notice as a JSON POST, signed with a shared secret where there is one.

`X-Edgeferry-Signature: sha256=HEX` is HMAC-SHA256 over `TIMESTAMP.BODY`, with the text of `X-Edgeferry-Timestamp`; a
receiver that also looks at the time cannot be fed an old notice. `X-Edgeferry-Delivery` is the same at each try.
Redirects are refused: what is said here is for that address and no other.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path

from contract.errors import LinkError
from fleet.alerts.settings import Webhook


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect what it is: not an acceptance."""

    def redirect_request(self, *_args: object, **_named: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """What stands in the signature's header."""
    return "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def post(hook: Webhook, body: bytes, delivery: str) -> None:
    """Deliver; LinkError where the other side does not take it."""
    timestamp = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "edgeferry",
        "X-Edgeferry-Delivery": delivery,
        "X-Edgeferry-Timestamp": timestamp,
    }
    if hook.secret_file is not None:
        secret = _secret(Path(hook.secret_file))
        headers["X-Edgeferry-Signature"] = signature(secret, timestamp, body)
    request = urllib.request.Request(hook.url, body, headers, method="POST")
    try:
        with _OPENER.open(request, timeout=hook.timeout_s) as answer:
            answer.read(1024)
    except urllib.error.HTTPError as refusal:
        refusal.close()
        raise _undelivered(hook, f"HTTP {refusal.code}") from refusal
    except (OSError, http.client.HTTPException, ValueError) as problem:
        raise _undelivered(hook, str(getattr(problem, "reason", problem))) from problem


def _secret(path: Path) -> bytes:
    try:
        return path.read_bytes().strip()
    except OSError as problem:
        raise LinkError(
            f"no secret to sign with: {problem.strerror}", where=str(path), fix="Put it back; it is tried again."
        ) from problem


def _undelivered(hook: Webhook, why: str) -> LinkError:
    return LinkError(
        f"not delivered: {why}", where=f"webhook {hook.name}", fix="It is tried again; check the url and its receiver."
    )
