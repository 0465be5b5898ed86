"""The detector a budget chooses: the largest that fits, its stride settled, and kept by who trains it again."""

from __future__ import annotations

import msgspec
import pytest

from contract.errors import ConfigError
from tests.trainer.detection.drawn_boxes import SIZE_WH, drawn_origin
from tests.trainer.tensorflow_marks import WITH_TENSORFLOW
from trainer.architecture.budget import parse_budgets, predicted
from trainer.architecture.choosing import WIDTHS
from trainer.detection.drafting import drafts_for
from trainer.detection.settling import settle_detector
from trainer.settings import InputSettings, NetworkSettings, TrainConfig

pytestmark = WITH_TENSORFLOW
ORIGIN = drawn_origin([("train", 12), ("validation", 3), ("test", 3)])
PREP = InputSettings(size_wh=SIZE_WH, resize="letterbox")


def with_budget(text: str, prep: InputSettings | None = PREP) -> TrainConfig:
    return TrainConfig(task="detect", preprocessing=prep, budget=parse_budgets([text]))


def test_the_widest_that_fits_is_chosen_and_said() -> None:
    said: list[str] = []
    config = settle_detector(with_budget("rpi4:250KB"), ORIGIN, said.append)
    width = config.network.width
    wider = WIDTHS[WIDTHS.index(width) - 1]
    build = drafts_for(config, ORIGIN).build
    assert predicted(build(PREP, config.network), "rpi4").size_bytes <= 250_000
    assert predicted(build(PREP, NetworkSettings(width=wider)), "rpi4").size_bytes > 250_000
    assert config.network.chosen
    assert config.preprocessing == PREP
    assert config.detection
    assert config.detection.stride == 8
    (sentence,) = said
    assert sentence.startswith(f"Chosen for rpi4: detector of width {width:g} at 64x48, foretold ")


def test_a_size_nobody_said_is_chosen_too() -> None:
    config = settle_detector(with_budget("rpi4:20ms", None), ORIGIN, lambda _text: None)
    assert config.preprocessing is not None
    assert config.preprocessing.size_wh in {(480, 352), (400, 304), (320, 240), (240, 176), (160, 128)}
    assert config.preprocessing.resize == "letterbox"
    model = drafts_for(config, ORIGIN).build(config.preprocessing, config.network)
    assert predicted(model, "rpi4").surely_ms <= 20


def test_where_nothing_fits_the_nearest_is_named() -> None:
    with pytest.raises(ConfigError, match=r"nearest is detector of width 0.25 at 64x48: rpi4 0.\d\d MB where"):
        settle_detector(with_budget("rpi4:1KB"), ORIGIN, lambda _text: None)


def test_what_was_chosen_stays_and_without_a_budget_nothing_is() -> None:
    chosen = msgspec.structs.replace(with_budget("rpi4:1KB"), network=NetworkSettings(width=0.5, chosen=True))
    for config in (chosen, TrainConfig(task="detect")):
        assert settle_detector(config, ORIGIN, lambda _text: None) is config


def test_the_stride_follows_how_small_things_become_in_the_picture() -> None:
    drafts = drafts_for(TrainConfig(task="detect"), ORIGIN)
    assert drafts.at(InputSettings(size_wh=(96, 80), resize="letterbox")).stride == 8  # the smallest are 18 pixels
    assert drafts.at(InputSettings(size_wh=(32, 32), resize="letterbox")).stride == 4
