"""Weights somebody else trained: what the file is called, where it lies, and that nothing is fetched unasked.

`[network] weights = "imagenet"` means the weights keras.applications publishes. Before any of it is fetched it is said
what, from where and how large; without `--download` the training ends there, and says how to bring the file along.
"""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from contract.errors import ConfigError, LinkError
from trainer.settings import PRETRAINED, InputSettings, NetworkSettings, channels_of

IMAGENET = "imagenet"
_HOST = "https://storage.googleapis.com/tensorflow/keras-applications"
_MEAN_STD = (127.5,)
"""Pictures between -1 and 1, as keras.applications' `preprocess_input` makes them for both families."""
_TIMEOUT_S = 60.0
_V1_WIDTHS = {0.25: "2_5", 0.5: "5_0", 0.75: "7_5", 1.0: "1_0"}
_V2_WIDTHS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
_V1_ROWS, _V2_ROWS = (128, 160, 192, 224), (96, 128, 160, 192, 224)
_MEGABYTES = {
    ("mobilenet_v1", 0.25): 0.9, ("mobilenet_v1", 0.5): 3.4, ("mobilenet_v1", 0.75): 7.4, ("mobilenet_v1", 1.0): 13.0,
    ("mobilenet_v2", 0.35): 1.8, ("mobilenet_v2", 0.5): 3.0, ("mobilenet_v2", 0.75): 5.8, ("mobilenet_v2", 1.0): 9.4,
    ("mobilenet_v2", 1.3): 15.4, ("mobilenet_v2", 1.4): 17.6,
}  # fmt: skip
"""Four bytes a number of the network without its last layer; the files are a few per cent larger."""


@dataclass(frozen=True, slots=True)
class Published:
    """A weights file of keras.applications."""

    name: str
    url: str
    megabytes: float

    @property
    def kept(self) -> Path:
        """Where Keras keeps it, and so do we."""
        return Path.home() / ".keras" / "models" / self.name


def published(network: NetworkSettings, prep: InputSettings) -> Published:
    """The file for `network`; ConfigError for a width nobody published.

    Files differ by the size they were trained for and fit any: the nearest above the pictures' is taken.
    """
    side, width = max(prep.size_wh), network.width
    if network.family == "mobilenet_v1":
        widths, rows = tuple(_V1_WIDTHS), _nearest(side, _V1_ROWS)
        name = f"mobilenet_{_V1_WIDTHS.get(width)}_{rows}_tf_no_top.h5"
        folder = "mobilenet"
    else:
        widths, rows = _V2_WIDTHS, _nearest(side, _V2_ROWS)
        name = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_{rows}_no_top.h5"
        folder = "mobilenet_v2"
    if width not in widths:
        raise ConfigError(
            f"nobody published weights of {network.family} at width {width:g}",
            where="network.width",
            fix=f"There are: {', '.join(f'{known:g}' for known in widths)}",
        )
    return Published(name, f"{_HOST}/{folder}/{name}", _MEGABYTES[network.family, width])


def with_weights(
    network: NetworkSettings, prep: InputSettings, *, download: bool, say: Callable[[str], None]
) -> NetworkSettings:
    """`network` with `imagenet` replaced by a file; without `download` a ConfigError says how to bring that along."""
    if network.weights != IMAGENET:
        return network
    file = published(network, prep)
    if not file.kept.is_file():
        what = f"{file.name}, about {file.megabytes:g} MB, from {file.url}"
        if not download:
            raise ConfigError(
                f"nothing is downloaded unasked: these weights are {what}",
                where='network.weights = "imagenet"',
                fix=f'Add --download, or fetch the file elsewhere and say [network] weights = "PATH/{file.name}".',
            )
        say(f"Downloading {what}")
        _fetch(file)
    return msgspec.structs.replace(network, weights=str(file.kept))


def suited(network: NetworkSettings, prep: InputSettings, *, given: bool) -> InputSettings:
    """`prep` with the normalisation the weights were trained with; ConfigError where `given` says another."""
    if network.family not in PRETRAINED or not network.weights:
        return prep
    if channels_of(prep) != 3:
        raise ConfigError(
            "these weights are for pictures in colour", where="preprocessing.colour", fix="Use rgb, or no weights."
        )
    if given and (set(prep.mean), set(prep.std)) != (set(_MEAN_STD), set(_MEAN_STD)):
        raise ConfigError(
            f"these weights are for pictures between -1 and 1, not for mean {list(prep.mean)} and std {list(prep.std)}",
            where="preprocessing",
            fix="Say mean = [127.5] and std = [127.5], or use no weights.",
        )
    return msgspec.structs.replace(prep, mean=_MEAN_STD, std=_MEAN_STD)


def _nearest(side: int, rows: tuple[int, ...]) -> int:
    return next((row for row in rows if row >= side), rows[-1])


def _fetch(file: Published) -> None:
    """To where Keras keeps it, whole or not at all."""
    file.kept.parent.mkdir(parents=True, exist_ok=True)
    partial = file.kept.with_name(f"{file.name}.partial")
    try:
        with urllib.request.urlopen(file.url, timeout=_TIMEOUT_S) as answer, partial.open("wb") as written:  # nosec B310  # addresses from our own table
            shutil.copyfileobj(answer, written)
        partial.rename(file.kept)
    except (urllib.error.URLError, OSError) as problem:
        raise LinkError(
            f"the weights cannot be fetched: {getattr(problem, 'reason', problem)}",
            where=file.url,
            fix=f'Fetch the file elsewhere and say [network] weights = "PATH/{file.name}".',
        ) from problem
    finally:
        partial.unlink(missing_ok=True)
