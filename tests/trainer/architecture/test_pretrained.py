"""Somebody's weights: nothing is fetched unasked, and what is there is used with its own normalisation."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from contract.errors import ConfigError
from trainer.architecture.pretrained import published, suited, with_weights
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, checked

COLOUR = InputSettings(size_wh=(96, 96))
IMAGENET = NetworkSettings(family="mobilenet_v2", width=0.35, weights="imagenet")


def test_without_leave_nothing_is_fetched_and_the_way_without_a_network_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    said: list[str] = []
    with pytest.raises(ConfigError) as refused:
        with_weights(IMAGENET, COLOUR, download=False, say=said.append)
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_96_no_top.h5"
    assert f"{name}, about 1.8 MB, from https://storage.googleapis.com/" in refused.value.what
    assert "--download" in refused.value.fix
    assert f'weights = "PATH/{name}"' in refused.value.fix
    assert said == []


def test_a_file_that_keras_fetched_before_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    kept = published(IMAGENET, COLOUR).kept
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"")
    assert with_weights(IMAGENET, COLOUR, download=False, say=print).weights == str(kept)


def test_the_file_for_the_nearest_size_above_is_named() -> None:
    big = msgspec.structs.replace(IMAGENET, family="mobilenet_v1", width=0.25)
    assert published(big, InputSettings(size_wh=(150, 100))).name == "mobilenet_2_5_160_tf_no_top.h5"
    with pytest.raises(ConfigError, match=r"nobody published weights of mobilenet_v2 at width 0.6"):
        published(msgspec.structs.replace(IMAGENET, width=0.6), COLOUR)


def test_pictures_are_made_what_the_weights_were_trained_on() -> None:
    assert suited(IMAGENET, COLOUR, given=False).mean == (127.5,)
    assert suited(IMAGENET, COLOUR, given=False).std == (127.5,)
    assert suited(NetworkSettings(), COLOUR, given=True) == COLOUR
    with pytest.raises(ConfigError, match="between -1 and 1"):
        suited(IMAGENET, COLOUR, given=True)
    with pytest.raises(ConfigError, match="in colour"):
        suited(IMAGENET, InputSettings(size_wh=(96, 96), colour="grey"), given=False)


def test_weights_and_depths_no_family_has_are_refused() -> None:
    with pytest.raises(ConfigError, match="no weights to begin residual with"):
        checked(TrainConfig(network=NetworkSettings(weights="imagenet")), where="here")
    with pytest.raises(ConfigError, match="one depth"):
        checked(TrainConfig(network=NetworkSettings(family="mobilenet_v1", depth=2)), where="here")
