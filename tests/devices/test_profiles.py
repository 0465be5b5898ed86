"""The catalog is data: these tests hold it to what other rooms rely on."""

from __future__ import annotations

import pytest
from msgspec import MsgspecError

from contract.errors import ConfigError
from devices.profiles import all_profiles, load_profile, parse_profile, profile_names

PROMISED = {
    "rpi-zero2w",
    "rpi3",
    "rpi4",
    "rpi5",
    "coral-usb",
    "coral-dev-board",
    "jetson-nano",
    "jetson-orin-jp6",
    "jetson-orin-jp7",
    "generic-x86_64",
    "generic-aarch64",
}
GOOD = b"""
name = "toy"
title = "Toy"
processor = "1x Toy"
architecture = "aarch64"
memory_mib = 64
accelerator = "none"
formats = ["tflite"]
int8 = "neither"
threads = 1
memory_budget_mib = 32
package = []
system = []

[[source]]
facts = ["processor", "memory_mib", "int8", "accelerator"]
title = "Toy data sheet"
"""


def test_every_promised_device_has_a_profile() -> None:
    assert set(profile_names()) == PROMISED


@pytest.mark.parametrize("name", sorted(PROMISED))
def test_a_profile_of_the_catalog_names_a_package_for_its_preferred_format(name: str) -> None:
    library = {"tflite": "ai-edge-litert", "onnx": "onnxruntime"}
    profile = load_profile(name)
    assert library[profile.preferred_format] in {package.name for package in profile.package}


def test_only_coral_devices_want_an_edge_tpu_and_they_take_tflite() -> None:
    wanting = {profile.name: profile.formats for profile in all_profiles() if profile.accelerator == "edgetpu"}
    assert wanting == {"coral-usb": ("tflite",), "coral-dev-board": ("tflite",)}


def test_the_onnxruntime_that_dies_on_old_arm_cores_is_kept_from_every_device() -> None:
    for profile in all_profiles():
        for package in profile.package:
            if package.name == "onnxruntime":
                assert "1.21.0" in package.known_bad or "!=1.21.0" in package.versions, profile.name


def test_no_profile_quotes_a_file_of_this_machine() -> None:
    for profile in all_profiles():
        quoted = [source.title + source.url for source in profile.source]
        quoted += [package.source for package in profile.package] + [system.source for system in profile.system]
        assert all(text and "/work" not in text and ".md" not in text for text in quoted), profile.name


def test_an_unknown_profile_is_refused_with_near_names() -> None:
    with pytest.raises(ConfigError) as refused:
        load_profile("rpi-4")
    assert "rpi4" in refused.value.fix
    assert "jetson" not in refused.value.fix


def test_a_name_near_nothing_is_refused_with_all_names() -> None:
    with pytest.raises(ConfigError) as refused:
        load_profile("???")
    assert "jetson-nano" in refused.value.fix


def test_an_unknown_key_is_refused_with_its_line() -> None:
    with pytest.raises(ConfigError) as refused:
        parse_profile(GOOD.replace(b"threads = 1", b"threads = 1\nthreds = 2"), name="toy")
    assert "threds" in refused.value.what
    assert refused.value.where == "devices/catalog/toy.toml:11"
    assert isinstance(refused.value.__cause__, MsgspecError)


def test_a_fact_without_a_source_is_refused() -> None:
    with pytest.raises(ConfigError, match="no source for int8"):
        parse_profile(GOOD.replace(b'"int8", ', b""), name="toy")


def test_a_source_for_something_that_is_no_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="which is no key"):
        parse_profile(GOOD.replace(b'"int8", ', b'"int8", "colour", '), name="toy")


def test_a_profile_under_a_foreign_file_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="calls itself 'toy'"):
        parse_profile(GOOD, name="tay")


def test_the_good_example_is_good() -> None:
    assert parse_profile(GOOD, name="toy").preferred_format == "tflite"


def test_a_range_of_versions_nobody_can_read_is_refused() -> None:
    package = b'package = [{name = "numpy", versions = "~=2", source = "x"}]'
    with pytest.raises(ConfigError, match="no range of versions"):
        parse_profile(GOOD.replace(b"package = []", package), name="toy")


def test_an_unknown_key_of_a_table_is_refused_too() -> None:
    with pytest.raises(ConfigError, match="limits_c"):
        parse_profile(
            GOOD + b'[thermal]\nslows_from_c = 80\nlimit_c = 85\nlimits_c = 1\nsource = "Toy data sheet"\n', name="toy"
        )


def test_the_names_a_board_is_known_by_need_a_source() -> None:
    with pytest.raises(ConfigError, match="no source for compatible"):
        parse_profile(GOOD.replace(b"threads", b'compatible = ["toy,one"]\nthreads'), name="toy")


def test_no_board_has_two_profiles_unless_its_release_tells_them_apart() -> None:
    seen: dict[tuple[str, int | None], str] = {}
    for profile in all_profiles():
        for name in profile.compatible:
            assert (name, profile.l4t_release) not in seen, (name, profile.name)
            seen[name, profile.l4t_release] = profile.name
    assert len({name for name, _ in seen}) >= 20


def test_what_the_service_may_take_fits_the_smallest_variant() -> None:
    for profile in all_profiles():
        assert 96 <= profile.memory_budget_mib <= profile.memory_mib / 2, profile.name


def test_accelerators_say_what_a_model_must_be_and_what_the_system_must_have() -> None:
    for profile in all_profiles():
        assert (profile.accelerator == "none") == (profile.model is None), profile.name
        assert profile.accelerator == "none" or profile.driver, profile.name
    rules = load_profile("coral-usb").model
    assert rules is not None
    assert (rules.full_int8, rules.static_shapes, rules.batch) == (True, True, 1)
    assert {"CONV_2D", "SOFTMAX"} <= set(rules.operators)
    assert rules == load_profile("coral-dev-board").model
    rules = load_profile("jetson-orin-jp6").model
    assert rules is not None
    assert (rules.precision, rules.int8_needs_gate, rules.built_on_device) == ("fp16", True, True)


def test_every_profile_knows_that_tflite_runtime_and_numpy_2_do_not_go_together() -> None:
    for profile in all_profiles():
        assert ("tflite-runtime", "numpy", ">=2") in {(c.package, c.beside, c.versions) for c in profile.conflict}
