from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from contract.errors import BackendError
from edge.backends import describe, litert, open_backend
from edge.backends.device import parse_device
from edge.backends.edge_tpu import attached, open_edge_tpu, try_delegate
from edge.backends.interpreter import ExternalDelegate, InterpreterBackend, is_compiled, open_model
from tests.edge.colours import MODELS

SOURCE = Path(__file__).with_name("fake_edgetpu.c")
TWIN = "mobilenet_v1_0.25_128_quant.tflite"
COMPILED = "mobilenet_v1_0.25_128_quant_edgetpu.tflite"


def machine(root: Path, *usb: tuple[str, str], apex: int = 0) -> Path:
    """A tree with these USB devices (vendor, product) and that many PCIe Edge TPUs."""
    devices = root / "sys/bus/usb/devices"
    for number, (vendor, product) in enumerate(usb):
        folder = devices / f"1-{number}"
        folder.mkdir(parents=True)
        (folder / "idVendor").write_text(f"{vendor}\n")
        (folder / "idProduct").write_text(f"{product}\n")
    (devices / "1-0:1.0").mkdir(parents=True)  # an interface has no ids
    (root / "dev").mkdir()
    for number in range(apex):
        (root / "dev" / f"apex_{number}").touch()
    return root


def fake_library(folder: Path, mode: str) -> str:
    """libedgetpu, compiled to behave like that."""
    if not shutil.which("cc"):
        pytest.skip("no C compiler")
    library = folder / f"libfake_{mode}.so"
    defines = ["-DNO_SYMBOL"] if mode == "NO_SYMBOL" else [f"-DMODE={mode}"]
    subprocess.run(["cc", "-shared", "-fPIC", "-w", *defines, "-o", library, SOURCE], check=True)
    return str(library)


def opened(shared_data: Path, root: Path, device: str = "auto", twin: bool = True, **how: object) -> InterpreterBackend:
    models = shared_data / "models" / "tflite"
    return open_edge_tpu(
        litert.LIBRARY,
        models / COMPILED,
        device=parse_device(device),
        threads=1,
        twin=models / TWIN if twin else None,
        root=root,
        **how,  # type: ignore[arg-type]
    )


def test_attached_devices_are_found_before_and_after_their_firmware_is_loaded(tmp_path: Path) -> None:
    root = machine(tmp_path, ("1a6e", "089a"), ("18d1", "9302"), ("18d1", "4ee7"), ("046d", "0825"), apex=2)
    assert attached(root) == ("usb:0", "usb:1", "pci:0", "pci:1")
    assert attached(tmp_path / "elsewhere") == ()


def test_a_compiled_model_is_known_by_its_operator(shared_data: Path, tmp_path: Path) -> None:
    models = shared_data / "models" / "tflite"
    assert is_compiled(models / COMPILED)
    assert is_compiled((models / COMPILED).read_bytes())
    assert not is_compiled(models / TWIN)
    (tmp_path / "empty").touch()
    assert not is_compiled(tmp_path / "empty")


def test_without_a_device_the_twin_serves_and_says_why(shared_data: Path, tmp_path: Path) -> None:
    backend = opened(shared_data, machine(tmp_path))
    state = describe(backend)
    assert state.device == "cpu"
    assert state.fallback is not None
    assert state.fallback == backend.fallback
    assert (state.fallback.wanted, state.fallback.got) == ("an Edge TPU", "the CPU")
    assert state.fallback.cause == "no Edge TPU is attached"
    assert backend.infer({})[backend.outputs[0].name].shape == (1, 1001)


def test_the_second_device_of_one_is_not_there(shared_data: Path, tmp_path: Path) -> None:
    backend = opened(shared_data, machine(tmp_path, ("1a6e", "089a")), "usb:1")
    assert backend.fallback is not None
    assert backend.fallback.sentence.startswith(
        "the Edge TPU usb:1 was wanted and the CPU serves: only usb:0 is there."
    )


@pytest.mark.parametrize(
    ("mode", "reason"),
    [
        ("NOTHING", "Failed to open the device"),
        ("ABORTS", "it killed the process (SIGABRT)"),
        ("CRASHES", "it killed the process (SIGSEGV)"),
        ("NO_SYMBOL", "undefined symbol: tflite_plugin_create_delegate"),
        # It opens, and takes no operator: then the library misses the compiled one.
        ("WORKS", "the model was compiled for the Edge TPU"),
    ],
)
def test_a_delegate_that_fails_leaves_the_twin_with_its_reason(
    mode: str, reason: str, shared_data: Path, tmp_path: Path
) -> None:
    root = machine(tmp_path / "root", ("18d1", "9302"))
    backend = opened(shared_data, root, shared_object=fake_library(tmp_path, mode))
    assert backend.fallback is not None
    assert reason in backend.fallback.cause
    assert describe(backend).device == "cpu"


def test_a_delegate_that_hangs_is_given_up(shared_data: Path, tmp_path: Path) -> None:
    root = machine(tmp_path / "root", apex=1)
    backend = opened(shared_data, root, "pci", shared_object=fake_library(tmp_path, "HANGS"), deadline_s=5)
    assert backend.fallback is not None
    assert "did not answer within 5 s" in backend.fallback.cause


def test_a_missing_library_is_named(shared_data: Path, tmp_path: Path) -> None:
    root = machine(tmp_path, ("18d1", "9302"))
    backend = opened(shared_data, root, shared_object="libedgetpu-absent.so.1")
    assert backend.fallback is not None
    assert "libedgetpu-absent.so.1: cannot open shared object file" in backend.fallback.cause
    assert "feranick/libedgetpu" in backend.fallback.fix


def test_without_a_twin_the_reason_is_the_error(shared_data: Path, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match=r"compiled for the Edge TPU, and no Edge TPU is attached.*uncompiled twin"):
        opened(shared_data, machine(tmp_path), twin=False)


def test_an_uncompiled_model_on_an_edge_tpu_runs_on_the_cpu_and_says_so() -> None:
    backend = open_backend("tflite", MODELS / "colours_uint8.tflite", device="usb")
    fallback = describe(backend).fallback
    assert fallback is not None
    assert fallback.cause == "the model is not compiled for the Edge TPU"
    assert "edgetpu_compiler" in fallback.fix


def test_the_cpu_was_asked_for_and_the_twin_is_no_fallback(shared_data: Path) -> None:
    models = shared_data / "models" / "tflite"
    backend = open_backend("tflite", models / COMPILED, device="cpu", twin=models / TWIN)
    assert describe(backend).fallback is None


def test_a_working_delegate_is_loaded_with_its_device_and_named(tmp_path: Path) -> None:
    delegate = ExternalDelegate(fake_library(tmp_path, "WORKS"), "usb:0")
    backend = open_model(litert.LIBRARY, MODELS / "colours_uint8.tflite", threads=2, delegate=delegate)
    backend.infer({})
    state = describe(backend)
    assert (state.device, state.delegate, state.threads) == ("usb:0", delegate.shared_object, 2)
    assert backend.name.endswith(", Edge TPU usb:0")
    backend.close()


def test_the_probe_itself_loads_and_infers(tmp_path: Path) -> None:
    argument = f'["ai_edge_litert.interpreter", "{fake_library(tmp_path, "WORKS")}", "usb:0"]'
    try_delegate(argument, (MODELS / "colours_uint8.tflite").read_bytes())
