"""What a search asks of a task: what may be drawn for some pictures, as which settings, and what network that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from contract.errors import DataError
from contract.manifest import Task
from trainer.data.origin import Origin
from trainer.detection.drafting import Drafts, drafts_for
from trainer.detection.picture_size import suited_preprocessing
from trainer.detection.resolving import FOR_BOXES
from trainer.detection.settling import check_marked
from trainer.settings import Family, Suggestion, TrainConfig
from trainer.tuning.space import Space, detector_space, drawn, drawn_detector, space_for


class Subject(Protocol):
    """The networks that are searched among."""

    def space(self, families: tuple[Family, ...]) -> Space:
        """The choices there are."""

    def drawn(self, trial: Any, space: Space) -> TrainConfig:
        """The settings an Optuna `trial` draws from `space`."""

    def build(self, config: TrainConfig) -> Any:
        """The Keras model of drawn settings; ConfigError where there is none."""


def subject_of(config: TrainConfig, origin: Origin) -> Subject:
    """Of the task in `config`; DataError where these pictures are for another."""
    return _SUBJECTS[config.task](config, origin)


@dataclass(frozen=True, slots=True)
class _Classifiers:
    config: TrainConfig
    origin: Origin

    def space(self, families: tuple[Family, ...]) -> Space:
        return space_for(self.config, self.origin.suggestion, families)

    def drawn(self, trial: Any, space: Space) -> TrainConfig:
        return drawn(trial, space, self.config, self.origin.suggestion)

    def build(self, config: TrainConfig) -> Any:
        from trainer.architecture.networks import build_classifier

        assert config.preprocessing is not None
        return build_classifier(config.preprocessing, len(self.origin.labels), config.network)


@dataclass(frozen=True, slots=True)
class _Detectors:
    config: TrainConfig
    suggestion: Suggestion
    drafts: Drafts

    def space(self, families: tuple[Family, ...]) -> Space:
        del families
        return detector_space(self.config, self.suggestion)

    def drawn(self, trial: Any, space: Space) -> TrainConfig:
        config = drawn_detector(trial, space, self.config, self.suggestion)
        assert config.preprocessing is not None
        assert config.detection
        stride = self.drafts.at(config.preprocessing).stride
        return msgspec.structs.replace(config, detection=msgspec.structs.replace(config.detection, stride=stride))

    def build(self, config: TrainConfig) -> Any:
        assert config.preprocessing is not None
        return self.drafts.build(config.preprocessing, config.network)


def _classifiers(config: TrainConfig, origin: Origin) -> Subject:
    if origin.task != "classify":
        raise DataError("boxes are marked in these pictures", where=origin.text, fix="Use --task detect.")
    return _Classifiers(config, origin)


def _detectors(config: TrainConfig, origin: Origin) -> Subject:
    check_marked(origin)
    prep = config.preprocessing or suited_preprocessing(origin)
    suggestion = Suggestion(preprocessing=prep, augmentation=FOR_BOXES)
    return _Detectors(config, suggestion, drafts_for(config, origin))


_SUBJECTS: Mapping[Task, Callable[[TrainConfig, Origin], Subject]] = {
    "classify": _classifiers,
    "detect": _detectors,
}
