from __future__ import annotations

from contract.messages import FrameLedger
from contract.result import Result, StageTimes
from edge.summary import RunSummary, Tally, summary_words
from tests.edge.colours import DIGEST


def summary(ledger: FrameLedger, times: int = 0) -> RunSummary:
    tally = Tally()
    for _ in range(times):
        tally.add(
            Result(
                source="s",
                frame=0,
                captured_at="t",
                model="m@1",
                digest=DIGEST,
                latency_ms=StageTimes(preprocess=1.0, invoke=2.0, postprocess=0.5),
            )
        )
    return tally.summary(
        model="m@1", digest=DIGEST, signed_by=None, backend="b 1", ledgers={"s": ledger}, kept={}, left={}
    )


def test_one_line_says_where_every_frame_went() -> None:
    ledger = FrameLedger(captured=9, inferred=5, damaged=1, dropped={"stale": 2, "failed": 1})
    line = summary_words(summary(ledger, times=5))
    assert line.startswith("m@1 on b 1: 9 frames captured, 5 answered, 1 damaged, 1 failed, 2 stale; p50 3.50 ms")


def test_without_an_answer_there_are_no_times() -> None:
    assert summary_words(summary(FrameLedger(captured=1, damaged=1))).endswith("0 answered, 1 damaged")


def test_a_run_of_days_is_remembered_in_bounded_memory() -> None:
    tally = Tally()
    times = StageTimes(preprocess=1.0, invoke=2.0, postprocess=0.5)
    one = Result(source="s", frame=0, captured_at="t", model="m@1", digest=DIGEST, latency_ms=times)
    for _ in range(30_000):
        tally.add(one)
    assert len(tally._times) == 10_000
