"""Who a device says it is: the birth message, from the model that serves and the software that runs it."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping

from contract import __version__
from contract.manifest import Digest
from contract.messages import Birth
from contract.moments import rfc3339


def birth(
    *,
    model: str,
    digest: Digest | None,
    backend: str,
    boot: str,
    profile: str,
    holds: tuple[Digest, ...] = (),
    site: str = "",
    tags: Mapping[str, str] | None = None,
) -> Birth:
    """The birth of this moment.

    `model` is a release, `backend` the library with its version, `holds` the digests of the bundles in the slots.
    """
    return Birth(
        at=rfc3339(time.time()),
        boot=boot,
        profile=profile,
        edgeferry=__version__,
        python=platform.python_version(),
        backend=backend,
        model=model,
        digest=digest,
        holds=holds,
        site=site,
        tags=dict(tags or {}),
    )
