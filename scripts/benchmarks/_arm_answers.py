"""What a device makes of bundles and pictures, for comparing processors: run as a file, in the Python to be compared.

    python -P _arm_answers.py FOLDER BUNDLE… PICTURE…

It imports what the base package brings and nothing of its own neighbours, as those are not installed under an emulated
processor. For each bundle it writes `FOLDER/NAME.npz`: what the golden frames came to, and for each picture the pixels
the model was given and its first output.
"""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from contract.errors import GoldenError
from contract.manifest import GOLDEN
from devices.keys import development_verifier
from edge.bundles import CheckedBundle, read_bundle
from edge.golden import check_golden
from edge.model import LoadedModel, load_model
from edge.pictures import read_picture
from edge.preprocess import fit


def main(folder: Path, bundles: list[Path], pictures: list[Path]) -> None:
    """One file a bundle, named after it."""
    for path in bundles:
        bundle = read_bundle(path, development_verifier())
        with closing(load_model(bundle.manifest, bundle.digest, bundle.model)) as model:
            np.savez(folder / f"{path.stem}.npz", golden=_golden(model, bundle), **_answers(model, pictures))


def _golden(model: LoadedModel, bundle: CheckedBundle) -> str:
    """Nothing, or which frame came out wrong."""
    try:
        check_golden(model, bundle.members[GOLDEN])
    except GoldenError as problem:
        return str(problem)
    return ""


def _answers(model: LoadedModel, pictures: list[Path]) -> dict[str, Any]:
    output = model.manifest.outputs[0].name
    pixels = [fit(read_picture(picture), model.manifest.preprocessing).copy() for picture in pictures]
    answers = [model.outputs_for(fitted)[output].reshape(-1) for fitted in pixels]
    return {"pixels": np.array(pixels), "answers": np.array(answers)}


if __name__ == "__main__":
    files = [Path(argument) for argument in sys.argv[2:]]
    of_kind = {kind: [file for file in files if (file.suffix == ".bundle") is kind] for kind in (True, False)}
    main(Path(sys.argv[1]), of_kind[True], of_kind[False])
