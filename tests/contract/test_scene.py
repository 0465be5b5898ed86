from __future__ import annotations

import pytest

from contract.errors import ConfigError
from contract.scene import Scene, Tracking, parse_scene

ZONE = '[[zone]]\nname = "yard"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'


def parsed(text: str) -> Scene:
    return parse_scene(text.encode(), where="scene.toml")


def test_an_empty_scene_changes_nothing() -> None:
    scene = parsed("")
    assert scene == Scene()
    assert (scene.motion, scene.tracks, scene.keep) == (None, None, None)


def test_zones_lines_and_keeping_bring_tracking_with_them() -> None:
    assert parsed(ZONE).tracks == Tracking()
    assert parsed('[keep]\non = ["appeared"]').tracks == Tracking()
    assert parsed(ZONE + "[tracking]\nlost_s = 7").tracks == Tracking(lost_s=7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[labels]\nalow = []", "unknown field `alow` - at `$.labels` [scene.toml:2]"),
        (ZONE + "dwell = 3", "unknown field `dwell` - at `$.zone[0]` [scene.toml:4]"),
        ("[motion]\nthreshold_share = 0", "`float` > 0.0 - at `$.motion.threshold_share` [scene.toml:2]"),
        ("[motion]\nhold_s = nan", "$.motion.hold_s` [scene.toml:2]"),
        ("[labels]\nmin_score = inf", "$.labels.min_score` [scene.toml:2]"),
        ("[[mask]]\npolygon = [[0, 0], [1, 0], [1, 640]]", "`$.mask[0].polygon[2][1]` [scene.toml:2]"),
        ("[[mask]]\npolygon = [[0, 0], [1, 0]]", "length >= 3 - at `$.mask[0].polygon` [scene.toml:2]"),
        ("[[mask]]\npolygon = [[0, 0], [0.5, 0.5], [1, 1]]", "the polygon of mask 1 covers nothing"),
        (ZONE.replace("[1, 1]", "[0.5, 0]"), "the polygon of zone 'yard' covers nothing"),
        ('[[line]]\nname = "door"\nfrom = [0.5, 0.5]\nto = [0.5, 0.5]', "line 'door' has no length"),
        ('[[line]]\nname = "door"\nto = [0.5, 0.5]', "missing required field `from`"),
        (ZONE + ZONE, "two zones or lines are called 'yard'"),
        ('[keep]\non = ["entered"]', "Invalid enum value 'entered' - at `$.keep.on[0]` [scene.toml:2]"),
        ("[keep]", "nothing would ever be kept"),
        (ZONE + '[keep]\non = ["dwelled"]', "nothing would ever be kept: none of dwelled"),
        (ZONE + "[keep]\nsnapshots = false\nclips = false", "neither snapshots nor clips"),
        ("[[zone", "scene.toml"),
        ("[labels]\nallow = 'person'", "Expected `array`, got `str` - at `$.labels.allow` [scene.toml:2]"),
    ],
)
def test_a_wrong_scene_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parsed(text)
    assert said in str(refused.value)


@pytest.mark.parametrize("key", ["unsure_per_hour", "drifted_per_hour"])
def test_pictures_for_a_label_may_be_all_that_is_kept(key: str) -> None:
    assert parsed(f"[keep]\n{key} = 5").keep is not None


def test_a_polygon_that_crosses_itself_is_a_polygon() -> None:
    assert parsed("[[mask]]\npolygon = [[0, 0], [1, 1], [1, 0], [0, 1]]").masks
