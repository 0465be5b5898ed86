from __future__ import annotations

import json
from pathlib import Path

import pytest

from contract.scene import Keep, Scene
from edge.lookout import Lookout
from edge.model import load_model
from edge.runtime import Camera, Runtime
from tests.edge import tiny_bundle
from tests.edge.scripted_source import ScriptedSource


def test_pictures_the_model_is_unsure_about_are_kept_for_a_label_and_no_more_than_allowed(tmp_path: Path) -> None:
    keep = Keep(folder=str(tmp_path), clips=False, unsure_per_hour=2)
    lookout = Lookout(Scene(keep=keep), "scripted")
    network = tiny_bundle.network(confidence=0.36)
    manifest = tiny_bundle.tiny_manifest(1, tiny_bundle.PROFILE, {tiny_bundle.MODEL: network})
    guessing = load_model(manifest, "", network)
    source = ScriptedSource(["red"] * 5)
    Runtime(guessing, Camera(source=source, watcher=lookout)).run()
    lookout.close()
    kept = sorted(tmp_path.rglob("*.json"))
    assert len(kept) == 2
    assert len(sorted(tmp_path.rglob("*_unsure_*.jpg"))) == 2
    assert json.loads(kept[0].read_text())["model"] == "tiny@1"
    assert lookout.kept is not None
    assert lookout.kept.pictures == 2


@pytest.mark.parametrize("drifted", [True, False])
def test_one_picture_of_those_that_have_drifted_is_kept_at_a_time(tmp_path: Path, drifted: bool) -> None:
    keep = Keep(folder=str(tmp_path), clips=False, drifted_per_hour=60)
    lookout = Lookout(Scene(keep=keep), "scripted")
    lookout.drifted = lambda: drifted
    network = tiny_bundle.network(confidence=0.9)
    sure = load_model(tiny_bundle.tiny_manifest(1, tiny_bundle.PROFILE, {tiny_bundle.MODEL: network}), "", network)
    Runtime(sure, Camera(source=ScriptedSource(["red"] * 5), watcher=lookout)).run()
    lookout.close()
    assert len(list(tmp_path.rglob("*_drifted_*.jpg"))) == int(drifted)
