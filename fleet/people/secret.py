"""Random words that open something, and the digests that are kept of them.

32 random bytes cannot be guessed, so a plain SHA-256 is enough to keep: a stolen store opens nothing. The digest is
looked up as a key of its table; how long that takes tells something of the digest only, never of the secret.
"""

from __future__ import annotations

import hashlib
import secrets

TOKEN_PREFIX = "eft_"  # nosec B105  # a mark by which scanners find a token that was published by mistake
_BYTES = 32


def new_secret() -> str:
    """43 characters that fit into a header, an address and a cookie."""
    return secrets.token_urlsafe(_BYTES)


def digest_of_secret(secret: str) -> str:
    """64 hexadecimal digits."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
