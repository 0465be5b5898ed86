"""What is decided between the listing of pictures and their reading: weights, normalisation, and the budget's network.

Settings that need none of it pass through untouched, and without TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from contract.errors import ConfigError
from trainer.architecture.budget import overrun, predictions
from trainer.architecture.pretrained import suited, with_weights
from trainer.data.origin import Origin
from trainer.learning import framework
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, usable_cores


def settle(config: TrainConfig, origin: Origin, *, download: bool, say: Callable[[str], None]) -> TrainConfig:
    """`config` with everything decided that its budget and its weights decide.

    ConfigError where nothing fits the budget, or weights are not here and may not be fetched.
    """
    given = config.preprocessing is not None
    prep = suited(config.network, config.preprocessing or origin.suggestion.preprocessing, given=given)
    network = with_weights(config.network, prep, download=download, say=say)
    if network.weights:
        config = msgspec.structs.replace(config, network=network, preprocessing=prep)
    if not config.budget:
        return config
    framework.prepare(threads=config.training.threads or usable_cores(), seed=config.seed)
    if network.chosen:
        _check(config, prep, network, len(origin.labels))
        return config
    return _chosen(config, prep, network, len(origin.labels), sized=given, say=say)


def _chosen(
    config: TrainConfig,
    prep: InputSettings,
    network: NetworkSettings,
    classes: int,
    *,
    sized: bool,
    say: Callable[[str], None],
) -> TrainConfig:
    from trainer.architecture.choosing import candidates, choose

    choice = choose(list(candidates(prep, network, sized=sized)), config.budget, partial(_build, classes=classes))
    for sentence in choice.sentences():
        say(sentence)
    return msgspec.structs.replace(config, preprocessing=choice.candidate.prep, network=choice.network)


def _check(config: TrainConfig, prep: InputSettings, network: NetworkSettings, classes: int) -> None:
    over = overrun(predictions(_build(prep, network, classes=classes), config.budget), config.budget)
    if over:
        raise ConfigError(
            f"the network does not fit its budget: {over}",
            where="network",
            fix="Leave network.chosen out to have one chosen, or change the budget.",
        )


def _build(prep: InputSettings, network: NetworkSettings, *, classes: int) -> object:
    from trainer.architecture.networks import build_classifier

    return build_classifier(prep, classes, network)
