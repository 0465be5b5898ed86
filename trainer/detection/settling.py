"""What is decided of a detector between the listing of its pictures and their reading: the budget's network."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product

from msgspec.structs import replace

from contract.errors import DataError
from trainer.architecture.choosing import WIDTHS, Candidate, choose, sizes_around
from trainer.data.origin import Origin
from trainer.detection.drafting import drafts_for
from trainer.detection.picture_size import suited_preprocessing
from trainer.learning import framework
from trainer.settings import InputSettings, NetworkSettings, TrainConfig, usable_cores

_SMALLEST = 64
"""Pixels each way that are tried unless somebody says fewer."""


def check_marked(origin: Origin) -> None:
    """DataError where nothing is marked in the pictures of `origin`."""
    if origin.task != "detect":
        raise DataError(
            "no boxes are marked in these pictures", where=origin.text, fix="Train them with --task classify."
        )


def settle_detector(config: TrainConfig, origin: Origin, say: Callable[[str], None]) -> TrainConfig:
    """`config` with width, picture size (where open) and stride chosen for its budget; as it is without one.

    A network that was chosen before stays, and is checked when it is built. ConfigError where nothing fits.
    """
    if not config.budget or config.network.chosen:
        return config
    framework.prepare(threads=config.training.threads or usable_cores(), seed=config.seed)
    prep = config.preprocessing or suited_preprocessing(origin)
    tried = list(detector_candidates(prep, config.network, sized=config.preprocessing is not None))
    drafts = drafts_for(config, origin)
    choice = choose(tried, config.budget, drafts.build)
    for sentence in choice.sentences():
        say(sentence)
    prep = choice.candidate.prep
    return replace(config, preprocessing=prep, network=choice.network, detection=drafts.at(prep))


def detector_candidates(prep: InputSettings, network: NetworkSettings, *, sized: bool) -> Iterator[Candidate]:
    """Detectors of every width, only at `prep`'s size where it is `sized` by hand."""
    sizes = [prep.size_wh] if sized else sizes_around(prep.size_wh, _SMALLEST)
    for size, width in product(sizes, WIDTHS):
        yield Candidate(replace(prep, size_wh=size), replace(network, width=width), task="detect")
