"""What an update asks of whatever answers the camera's frames: the seam between the agent and its vision process.

On a device it is `edge/vision/supervisor.py`; tests of interruptions put something quicker there.
"""

from __future__ import annotations

from typing import Protocol

from contract.health import Comparison, Numbers
from edge.slot import Slot
from edge.vision.messages import Serving


class Eyes(Protocol):
    """What answers the camera's frames. An order raises LostError where it died meanwhile, StoppingError at its end."""

    @property
    def serving(self) -> Serving:
        """Who answers at this moment."""

    def prepare(self, slot: Slot) -> None:
        """Load another model beside, and have it answer its golden frames."""

    def shadow(self, frames: int) -> None:
        """Have it answer live frames, unheard."""

    def compared(self, timeout_s: float) -> Comparison | None:
        """What came of that, looked at after at most `timeout_s`."""

    def switch(self) -> None:
        """The prepared model answers the very next frame."""

    def watched(self, timeout_s: float) -> Numbers | None:
        """What its answers came to, looked at after at most `timeout_s`."""

    def settle(self) -> None:
        """The one before is let go."""

    def go_back(self, slot: Slot) -> None:
        """`slot` serves, whatever was tried is let go. Never fails."""
