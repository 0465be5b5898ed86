"""What is said about a library, by its trial and by what the board's profile knows of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.doctor.finding import Finding
from devices.doctor.libraries import LIBRARIES, Verdict, format_findings, is_installed, judge, known_cause
from devices.profiles import load_profile
from tests.devices.doctor import planted
from tests.devices.doctor.planted import case_of, plant, record

BY_MODULE = {library.module: library for library in LIBRARIES}


def judged(board: str, module: str, working: tuple[str, ...] = ()) -> Verdict:
    return judge(case_of(board), BY_MODULE[module], working, deadline_s=120)


@pytest.mark.parametrize("board", ["rpi-zero2w", "rpi3", "rpi4", "rpi4-coral-usb", "unknown-arm"])
def test_the_onnxruntime_that_dies_on_old_cores_is_named_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, board: str
) -> None:
    body = planted.DYING.format("SIGILL")
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", body, version="1.21.0"))
    finding = judged(board, "onnxruntime").finding
    assert finding.status == ("warn" if board == "rpi4-coral-usb" else "bad"), "a Coral device runs no .onnx"
    assert "onnxruntime 1.21.0 does not work: it was built for a newer processor" in finding.what
    assert "dies with SIGILL on import on this board" in finding.what
    assert finding.fix == "pip install 'onnxruntime>=1.19.2,!=1.21.0'"


def test_a_version_known_to_be_bad_is_bad_even_if_it_has_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", planted.ANSWERING.format(9), version="1.21.0"))
    verdict = judged("rpi4", "onnxruntime")
    assert (verdict.works, verdict.finding.status) == (True, "bad")
    assert "answers, but 1.21.0 dies with SIGILL" in verdict.finding.what


def test_a_version_outside_the_profiles_range_that_answers_is_a_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", planted.ANSWERING.format(9), version="1.15.1"))
    verdict = judged("rpi4", "onnxruntime")
    assert (verdict.works, verdict.finding.status) == (True, "warn")
    assert "1.15.1 is not among the versions known to work here, >=1.19.2" in verdict.finding.what


def test_a_good_version_that_crashes_anyway_is_to_be_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", planted.CRASHING, version="1.23.2"))
    finding = judged("rpi4", "onnxruntime").finding
    assert (finding.status, finding.fix) == ("bad", "Install it anew: pip install 'edgeferry[onnx]'")
    assert finding.what == "onnxruntime 1.23.2 does not work: it crashed (SIGSEGV)"


def of_numpy_1(folder: Path) -> Path:
    plant(folder, "tflite_runtime", planted.OF_NUMPY_1, submodule="interpreter")
    record(folder, "tflite-runtime", "2.14.0")
    record(folder, "numpy", "2.0.2")
    return folder


@pytest.mark.parametrize(("working", "status"), [((), "bad"), (("ai_edge_litert",), "warn")])
def test_tflite_runtime_beside_numpy_2_is_explained_and_harmless_only_where_litert_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, working: tuple[str, ...], status: str
) -> None:
    monkeypatch.syspath_prepend(of_numpy_1(tmp_path))
    finding = judged("rpi4", "tflite_runtime", working).finding
    assert finding.status == status
    assert "SystemError: initialization of _pywrap" in finding.what
    assert "it does not work beside numpy 2.0.2" in finding.what
    assert finding.fix == "Remove tflite-runtime, or: pip install 'numpy<2'"


def test_tflite_runtime_beside_numpy_1_has_no_known_cause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record(tmp_path, "numpy", "1.26.4")
    monkeypatch.syspath_prepend(tmp_path)
    assert known_cause(case_of("rpi4"), BY_MODULE["tflite_runtime"], "2.14.0") is None


def test_two_packages_that_are_one_module_are_a_doubt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = planted.ANSWERING.format(9)
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", body, package="onnxruntime-gpu", version="1.23.2"))
    finding = judged("pc", "onnxruntime").finding
    assert finding.status == "warn"
    assert "onnxruntime and onnxruntime-gpu overwrite each other" in finding.what


def test_a_package_without_a_readable_version_is_judged_by_its_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(plant(tmp_path, "onnxruntime", planted.ANSWERING.format(9), version="unknown"))
    verdict = judged("rpi4", "onnxruntime")
    assert verdict.works
    assert "of unknown version" in verdict.finding.what


@pytest.mark.skipif(is_installed("tflite_runtime"), reason="tflite-runtime is installed")
def test_what_is_not_installed_is_no_fault_by_itself() -> None:
    verdict = judged("rpi4", "tflite_runtime")
    assert (verdict.works, verdict.finding.status) == (False, "ok")


def formats(profile: str, *working: str) -> dict[str, Finding]:
    return {finding.check: finding for finding in format_findings(load_profile(profile), set(working))}


def test_without_a_library_for_its_bundles_a_device_is_of_no_use() -> None:
    found = formats("rpi4", "numpy", "onnxruntime")
    assert found["tflite bundles"].status == "bad"
    assert found["tflite bundles"].fix == "pip install 'ai-edge-litert>=2.1'"
    assert found["onnx bundles"].what == "onnxruntime runs them"


def test_without_a_library_for_the_other_format_it_is_well() -> None:
    found = formats("rpi4", "tflite_runtime")
    assert [finding.status for finding in found.values()] == ["ok", "ok"]
    assert formats("jetson-orin-jp6")["onnx bundles"].fix == "pip install 'onnxruntime>=1.19.2,<1.24,!=1.21.0'"
