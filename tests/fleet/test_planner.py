"""Who is told in which wave, and who cannot be."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from fleet.planner import Blocker, Candidate, Placement, plan, wave_ends

BUNDLES = {"rpi4": "sha256:a", "rpi5": "sha256:b"}


def candidate(device: str, profile: str = "rpi4", *, digest: str | None = None, online: bool = True) -> Candidate:
    return Candidate(device, profile, digest, online)


def test_one_device_first_then_everybody_each_with_the_bundle_of_its_profile() -> None:
    made = plan([candidate("c", "rpi5"), candidate("a"), candidate("b")], BUNDLES, ("1", "all"))
    assert made.waves == (
        (Placement("a", "sha256:a"),),
        (Placement("b", "sha256:a"), Placement("c", "sha256:b")),
    )


def test_a_sleeping_device_is_not_the_first() -> None:
    made = plan([candidate("a", online=False), candidate("b")], BUNDLES, ("1", "all"))
    assert made.waves[0] == (Placement("b", "sha256:a"),)


def test_devices_without_a_bundle_are_named_with_the_reason() -> None:
    made = plan([candidate("a", "jetson-nano"), candidate("b", "")], BUNDLES, ("all",))
    assert made.blocked == (
        Blocker("a", "no bundle for profile jetson-nano"),
        Blocker("b", "it has not said its profile yet"),
    )
    assert made.waves == ()


def test_a_device_that_runs_the_bundle_is_left_alone() -> None:
    made = plan([candidate("a", digest="sha256:a"), candidate("b")], BUNDLES, ("1", "all"))
    assert made.already == ("a",)
    assert made.waves == ((Placement("b", "sha256:a"),),)


def test_shares_are_rounded_up_and_counted_from_the_beginning() -> None:
    assert wave_ends(("1", "10%", "50%", "all"), 25) == (1, 3, 13, 25)
    assert wave_ends(("5", "10%", "all"), 10) == (5, 10)
    assert wave_ends(("1", "all"), 1) == (1,)
    assert wave_ends(("0.1%", "0.5%", "33.3%", "all"), 1000) == (1, 5, 333, 1000)


@pytest.mark.parametrize(
    "phases",
    [
        (),
        ("1",),
        *((phase, "all") for phase in ("0", "200%", "0%", "0.0001%", "many", "-1", "")),
    ],
)
def test_phases_that_make_no_sense_are_refused(phases: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="1,10%,all"):
        wave_ends(phases, 10)


@settings(deadline=None)
@given(
    st.lists(
        st.builds(
            Candidate,
            st.text("abcdef", min_size=1, max_size=6),
            st.sampled_from(["rpi4", "rpi5", "other", ""]),
            st.sampled_from([None, "sha256:a", "sha256:z"]),
            st.booleans(),
        ),
        unique_by=lambda c: c.device,
    ),
    st.lists(st.sampled_from(["1", "3", "10%", "50%"]), max_size=3),
)
def test_every_device_is_in_exactly_one_place(candidates: list[Candidate], phases: list[str]) -> None:
    made = plan(candidates, BUNDLES, [*phases, "all"])
    placed = [p.device for wave in made.waves for p in wave]
    everybody = [*placed, *made.already, *(b.device for b in made.blocked)]
    assert sorted(everybody) == sorted(c.device for c in candidates)
    assert all(made.waves)
