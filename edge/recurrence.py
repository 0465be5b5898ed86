"""What a recurrent model remembers between two frames: outputs that are fed back as inputs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from contract.manifest import Manifest
from edge.quantisation import Tensor, quantise


class Recurrence:
    """The states of one model, real zeros at first. The manifest was checked for tensors that do not agree."""

    def __init__(self, manifest: Manifest) -> None:
        self._sources = {state.input: state.output for state in manifest.states}
        states = [spec for spec in manifest.inputs if spec.name in self._sources]
        self._zeros = {spec.name: quantise(np.zeros(spec.shape), spec) for spec in states}
        self.inputs: Mapping[str, Tensor] = self._zeros
        """What the next frame is fed beside its picture, by input."""

    def keep(self, outputs: Mapping[str, Tensor]) -> None:
        """Remember a frame's answer. One that is not finite is forgotten at once: it would spoil all that follow."""
        states = {fed: outputs[source] for fed, source in self._sources.items()}
        if all(np.isfinite(state).all() for state in states.values()):
            self.inputs = states
        else:
            self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.inputs = self._zeros
