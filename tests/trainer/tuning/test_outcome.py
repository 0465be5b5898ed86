"""Which trial is the best, what the front is, and the files that tell of them."""

from __future__ import annotations

import csv
import io

import msgspec

from contract.codec import from_toml
from contract.errors import ConfigError
from trainer.architecture.budget import Prediction
from trainer.settings import FOR_DIGITS, InputSettings, NetworkSettings, TrainConfig, TrainingSettings
from trainer.tuning.outcome import TrialRecord, best_toml, front, trials_csv, winner
from trainer.tuning.page import page


def prediction(latency_ms: float) -> Prediction:
    return Prediction(
        profile="rpi4", latency_ms=latency_ms, low=None, high=None, size_bytes=1000, memory_mib=50.0, macs=1,
        precision="int8", error_share=None, source="somebody",
    )  # fmt: skip


def trial(number: int, accuracy: float | None, latency_ms: float, **more: object) -> TrialRecord:
    values = {"state": "complete", "params": {"family": "<b>"}, "epochs": 3, "seconds": 1.0, "cause": ""} | more
    return TrialRecord(number=number, accuracy=accuracy, predicted={"rpi4": prediction(latency_ms)}, **values)  # type: ignore[arg-type]


FOUND = [
    trial(0, 0.90, 5.0),
    trial(1, 0.95, 9.0),
    trial(2, 0.95, 7.0),
    trial(3, 0.80, 6.0),
    trial(4, None, 1.0, state="over budget", cause="rpi4 50 ms where 1 ms are allowed"),
]


def test_the_best_is_the_most_accurate_and_of_equals_the_quickest() -> None:
    best = winner(FOUND)
    assert best is not None
    assert best.number == 2
    assert winner(FOUND[4:]) is None


def test_the_front_holds_what_nothing_beats_in_both() -> None:
    assert [one.number for one in front(FOUND)] == [0, 2]


def test_the_table_has_a_row_a_trial() -> None:
    rows = list(csv.DictReader(io.StringIO(trials_csv(FOUND))))
    assert [row["state"] for row in rows] == ["complete"] * 4 + ["over budget"]
    assert rows[0]["accuracy"] == "0.9000"
    assert rows[4]["rpi4 ms"] == "1.0"


def test_the_page_shows_front_and_best_and_escapes_what_comes_from_outside() -> None:
    text = page(FOUND, FOUND[2], {"width": 0.7, "<i>": 0.3}, command="edgeferry train <x>")
    assert text.count("<circle") == 4
    assert text.count('class="best"') == 1
    assert "&lt;b&gt;" in text
    assert "<b>" not in text
    assert "&lt;x&gt;" in text
    assert "70%" in text


def test_the_settings_are_those_of_the_best_with_the_epochs_of_a_whole_training() -> None:
    base = TrainConfig(seed=3)
    drawn = msgspec.structs.replace(
        base,
        preprocessing=InputSettings(size_wh=(48, 48), colour="grey"),
        network=NetworkSettings(width=0.5, chosen=True),
        augmentation=FOR_DIGITS,
        training=TrainingSettings(epochs=2, threads=1, learning_rate=0.004),
    )
    read = from_toml(best_toml(drawn, base), TrainConfig, where="best", error=ConfigError)
    assert read == msgspec.structs.replace(drawn, training=TrainingSettings(learning_rate=0.004))
