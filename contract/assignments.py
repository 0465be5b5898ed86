"""Which assignments a device may believe: signed by a fleet's key, for this very device, and newer than the last.

Bytes and keys only. When an accepted assignment is carried out is the device's matter.
"""

from __future__ import annotations

from collections.abc import Mapping

from contract.codec import plain
from contract.dsse import ASSIGNMENT_TYPE, Verifier, parse_envelope, payload_of, verify
from contract.errors import SignatureError
from contract.messages import Assignment, decode_assignment


def checked_assignment(payload: bytes, trusted: Mapping[str, Verifier], *, fleet: str, device: str) -> Assignment:
    """The assignment in a signed envelope, if a fleet's key signed it for this very device; SignatureError if not."""
    where = "assignment"
    envelope = parse_envelope(payload, where=where)
    body = payload_of(envelope, where=where)
    verify(envelope, ASSIGNMENT_TYPE, body, trusted, where=where)
    assignment = decode_assignment(body, where=where)
    if (assignment.fleet, assignment.device) != (fleet, device):
        raise SignatureError(
            f"it is for {plain(f'{assignment.fleet}/{assignment.device}')}, and this is {fleet}/{device}",
            where=where,
            fix="Publish each assignment on its own device's topic.",
        )
    return assignment
