"""What a bundle says of its model must be true of that model, whoever signed it."""

from __future__ import annotations

import numpy as np
import pytest

from contract.errors import BundleError, GoldenError
from contract.manifest import LABELS
from converters.promises import check_promises
from converters.sealing import sealed
from devices.keys import development_signer
from edge.bundles import UNVERIFIED, CheckedBundle, check_bundle
from edge.golden import pack_golden
from tests.edge.colours import LABELS as COLOURS
from tests.edge.colours import bundle_bytes, loaded, plain


def read(data: bytes) -> CheckedBundle:
    return check_bundle(data, UNVERIFIED, where="bundle")


def test_a_bundle_that_keeps_its_promises_is_taken() -> None:
    check_promises(read(bundle_bytes()), where="colours")


def test_golden_answers_of_another_model_are_refused() -> None:
    model = loaded()
    frames = np.stack([plain(colour)[:, :, ::-1] for colour in COLOURS])
    answers = [model.outputs_for(frame) for frame in frames[::-1]]
    turned = pack_golden(frames, {name: np.concatenate([a[name] for a in answers]) for name in answers[0]})
    with pytest.raises(GoldenError, match="wrong answer on golden frame 0"):
        check_promises(read(bundle_bytes(golden=turned)), where="colours")


def test_the_labels_of_another_model_are_refused() -> None:
    whole = read(bundle_bytes())
    members = {**whole.members, LABELS: b"cat\ndog\nowl\n"}
    with pytest.raises(BundleError, match=r"labels\.txt are not the labels of the manifest"):
        check_promises(read(sealed(whole.manifest, members, development_signer())), where="colours")
