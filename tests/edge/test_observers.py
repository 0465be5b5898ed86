from __future__ import annotations

import gc
import weakref

from contract.messages import FrameLedger
from edge.observers import Observers
from edge.telemetry import Meter
from tests.edge.colours import loaded
from tests.edge.scripted_source import ScriptedSource


def test_a_replaced_model_is_let_go_and_windows_are_told_of_the_one_that_serves() -> None:
    observers = Observers({"door": ScriptedSource([])})
    old, new = loaded(), loaded(name="other")
    observers.serving(old, None, ["door"])
    gone = weakref.ref(old)
    observers.serving(new, None, ["door"])
    del old
    gc.collect()
    assert gone() is None
    window = Meter().close(ended_at=0.0, window_s=1.0, model=new.release, digest=new.digest, ledger=FrameLedger())
    assert observers.window(window).fallback == ""
    assert not observers.drifted("door")
