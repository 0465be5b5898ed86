"""Errors between processes."""

from __future__ import annotations

import pytest

from contract.errors import BackendError, FerryError, GoldenError, SignatureError
from edge.isolated import CrashLoopError
from edge.trouble import Trouble


@pytest.mark.parametrize(
    ("error", "arrives_as"),
    [
        (SignatureError, SignatureError),
        (GoldenError, GoldenError),
        (FerryError, FerryError),
        (CrashLoopError, BackendError),
    ],
)
def test_an_error_arrives_as_the_nearest_that_everybody_knows(
    error: type[FerryError], arrives_as: type[FerryError]
) -> None:
    there = Trouble.of(error("what", where="where", fix="fix")).as_error()
    assert type(there) is arrives_as
    assert (there.what, there.where, there.fix) == ("what", "where", "fix")
