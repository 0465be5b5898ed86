"""What runs a model, given what cannot be run: `run`, `bench` and `agent`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from devices.keys import make_key
from tests.broker import free_port
from tests.conftest import ROOT, edgeferry
from tests.e2e.refusal import flipped, refused

CORRUPT_PICTURES = (
    "badpalettesize.bmp",
    "badwidth.bmp",
    "broken.png",
    "broken_data_stream.png",
    "decompression_bomb.gif",
    "truncated_image.png",
    "truncated_jpeg.jpg",
)
CORRUPT_MODELS = (
    "add_shared_tensors.tflite",
    "corrupt-model.onnx",
    "empty_model.tflite",
    "invalid_model.tflite",
    "model_with_external_initializers.onnx",
    "multi_add_flex.tflite",
    "no_subgraphs.tflite",
    "test_model_broken.tflite",
)
DEVICE = """\
fleet = "barn"
device = "cam-1"
profile = "{profile}"
state_dir = "{state}"
bundle = "{bundle}"
{more}
[broker]
url = "{broker}"
[trust]
publishers = ["{key}"]
fleet = ["{key}"]
[camera]
source = "{source}"
"""


@pytest.fixture
def bundle(digits_bundles: dict[str, Path]) -> Path:
    """One that runs here."""
    return digits_bundles["rpi4"]


@pytest.mark.parametrize("kind", ["missing", "empty", "picture", "cut short", "flipped"])
def test_no_bundle_to_run(kind: str, bundle: Path, tmp_path: Path) -> None:
    data = bundle.read_bytes()
    made = {"empty": b"", "picture": b"BM not a bundle", "cut short": data[:-9], "flipped": flipped(data, 60_000)}
    if kind in made:
        (tmp_path / "b").write_bytes(made[kind])
    refused(tmp_path, "run", "b", "--source", "synthetic:", "--results", "r.jsonl", naming="where: b")


@pytest.mark.parametrize(
    ("source", "naming"),
    [
        ("nothing.jpg", "nothing.jpg"),
        ("", "--source"),
        ("text.txt", "where: text.txt"),
        ("text.mp4", "text.mp4"),
        ("empty.mp4", "empty.mp4"),
        ("folder", "folder"),
        ("/dev/video99", "/dev/video99"),
        ("99", "/dev/video99"),
        ("/dev/null", "/dev/null"),
        ("pipe:", "pipe:"),
        ("pipe:'", "pipe:'"),
        ("pipe:/nowhere/camera -o -", "/nowhere/camera"),
        ("pipe:false", "exit code 1"),
        ("pipe:echo no picture", "echo no picture"),
        ("rtsp://camera/1", "rtsp://camera/1"),
        ("synthetic:?size=0x0", "synthetic:?size=0x0"),
        ("synthetic:?bogus=1", "bogus"),
        ("synthetic:?frames=0", "synthetic:?frames=0"),
    ],
)
def test_sources_without_a_frame(source: str, naming: str, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name in ("text.txt", "text.mp4", "folder/text.txt"):
        (tmp_path / name).write_text("no picture, no video")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path, "run", bundle, "--source", source, "--json", naming=naming)


def test_a_video_cut_short_before_its_index(bundle: Path, shared_data: Path, tmp_path: Path) -> None:
    video = (shared_data / "video/bottle-detection.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(video[:20_000])
    refused(tmp_path, "run", bundle, "--source", "cut.mp4", naming="cut.mp4")


@pytest.mark.parametrize("name", CORRUPT_PICTURES)
def test_an_unreadable_picture(name: str, bundle: Path, shared_data: Path, tmp_path: Path) -> None:
    picture = shared_data / "corrupt/images" / name
    words = refused(tmp_path, "run", bundle, "--source", picture, "--json", naming=str(picture))
    assert "Replace the file" in words


def test_among_unreadable_pictures_the_sound_one_is_answered(bundle: Path, shared_data: Path) -> None:
    done = edgeferry("run", bundle, "--source", shared_data / "corrupt/images", "--json")
    ledger = json.loads(done.stdout)["ledger"]
    assert (ledger["captured"], ledger["damaged"], ledger["inferred"]) == (8, len(CORRUPT_PICTURES), 1)


@pytest.mark.parametrize(
    ("url", "naming"),
    [
        ("barn", "'barn'"),
        ("http://barn", "'http://barn'"),
        ("mqtt://", "'mqtt://'"),
        ("mqtt://barn:port", "'mqtt://barn:port'"),
        ("mqtt://[::1", "'mqtt://[::1'"),
        ("mqtt://user:secret@barn", "'barn'"),
    ],
)
def test_what_is_no_address_of_a_broker(url: str, naming: str, bundle: Path, tmp_path: Path) -> None:
    words = refused(tmp_path, "run", bundle, "--source", "synthetic:?frames=1", "--mqtt", url, naming=naming)
    assert "secret" not in words


def test_a_broker_that_is_not_there(bundle: Path, tmp_path: Path) -> None:
    nowhere = f"mqtt://127.0.0.1:{free_port()}"
    words = refused(tmp_path, "run", bundle, "--source", "synthetic:", "--mqtt", nowhere, naming=f"where: {nowhere}")
    assert "refused" in words


@pytest.mark.parametrize(
    ("options", "naming"),
    [
        (("--results", "none/r.jsonl"), "none/r.jsonl"),
        (("--results", "."), "where: ."),
        (("--results", "/dev/full"), "No space left"),
        (("--results", "-", "--json"), "--results"),
        (("--results", "r.jsonl", "--trust", "junk"), "junk"),
        (("--trust", "nothing.pub"), "nothing.pub"),
        (("--trust", "mine.key.pub"), "whom nobody here trusts"),
        (("--threads", "0"), "--threads"),
        (("--threads", "100000"), "--threads"),
        (("--mqtt", "mqtt://127.0.0.1:9", "--fleet", "a/b"), "a/b"),
        (("--mqtt", "mqtt://127.0.0.1:9", "--device-id", "#"), "#"),
    ],
)
def test_options_that_cannot_be(options: tuple[str, ...], naming: str, bundle: Path, tmp_path: Path) -> None:
    make_key(tmp_path / "mine.key")
    (tmp_path / "junk").write_text("junk")
    refused(tmp_path, "run", bundle, "--source", "synthetic:?frames=1", *options, naming=naming)


@pytest.mark.parametrize("name", CORRUPT_MODELS)
def test_models_that_cannot_be_timed(name: str, shared_data: Path, tmp_path: Path) -> None:
    refused(tmp_path, "bench", shared_data / "corrupt/models" / name, naming=name)


def test_a_bench_without_a_frame(bundle: Path, shared_data: Path, tmp_path: Path) -> None:
    picture = shared_data / "corrupt/images/broken.png"
    refused(tmp_path, "bench", bundle, "--source", picture, naming=str(picture))
    refused(tmp_path, "bench", "nothing.tflite", naming="nothing.tflite")


@pytest.fixture
def device(bundle: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes a `device.toml` that is right but for what a test changes in it."""
    make_key(tmp_path / "mine.key")
    picture = tmp_path / "picture.ppm"
    picture.write_bytes(b"P6 8 8 255\n" + bytes(192))

    def write(**changed: str) -> Path:
        given = {
            "profile": "rpi4",
            "state": "state",
            "bundle": str(bundle),
            "more": "",
            "broker": f"mqtt://127.0.0.1:{free_port()}",
            "key": str(ROOT / "nothing.pub"),
            "source": str(picture),
        }
        path = tmp_path / "device.toml"
        path.write_text(DEVICE.format(**(given | changed)))
        return path

    return write


@pytest.mark.parametrize(
    ("changed", "naming"),
    [
        ({"more": "bogus = 1"}, "device.toml:6"),
        ({"more": "threads = 100000"}, "device.toml:6"),
        ({"key": "nothing.pub"}, "nothing.pub"),
        ({"key": "picture.ppm"}, "picture.ppm"),
        ({"state": "picture.ppm"}, "picture.ppm"),
        ({"state": "picture.ppm/below"}, "picture.ppm/below"),
    ],
)
def test_a_device_file_that_cannot_be(
    changed: dict[str, str], naming: str, device: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "development.pub").write_bytes(_development_key())
    refused(tmp_path, "agent", "--config", device(**({"key": "development.pub"} | changed)), naming=naming)


def test_no_device_file(tmp_path: Path) -> None:
    refused(tmp_path, "agent", "--config", "device.toml", naming="device.toml")


@pytest.mark.parametrize(
    ("changed", "naming"),
    [
        ({"bundle": "nothing.bundle"}, "nothing.bundle"),
        ({"bundle": "picture.ppm"}, "picture.ppm"),
        ({"key": "mine.key.pub"}, "whom nobody here trusts"),
        ({"profile": "rpi5"}, "rpi5"),
    ],
)
def test_an_agent_without_a_model_fills_no_slot(
    changed: dict[str, str], naming: str, device: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "development.pub").write_bytes(_development_key())
    config = device(**({"key": "development.pub"} | changed))
    refused(tmp_path, "agent", "--config", config, naming=naming, apart_from="state")
    assert list((tmp_path / "state/slots").iterdir()) == []
    assert not (tmp_path / "state/slots.json").exists()


@pytest.mark.parametrize("source", ["nothing.jpg", "/dev/video99", "pipe:false", "broken.png"])
def test_an_agent_without_a_camera_says_so(
    source: str, device: Callable[..., Path], shared_data: Path, tmp_path: Path
) -> None:
    """The model is installed by then, and stays."""
    (tmp_path / "development.pub").write_bytes(_development_key())
    shutil.copy(shared_data / "corrupt/images/broken.png", tmp_path)
    config = device(key="development.pub", source=source)
    refused(tmp_path, "agent", "--config", config, naming=source.removeprefix("pipe:"), apart_from="state")


def test_an_agent_whose_camera_ends_says_so(device: Callable[..., Path], shared_data: Path, tmp_path: Path) -> None:
    """Were it a normal end, systemd would not start the agent again."""
    (tmp_path / "development.pub").write_bytes(_development_key())
    config = device(key="development.pub", source=f"pipe:cat {shared_data / 'images/parrot.jpg'}")
    words = refused(tmp_path, "agent", "--config", config, naming="parrot.jpg", apart_from="state")
    assert "stopped after 1 frames, 1 with an answer" in words


def _development_key() -> bytes:
    """The public half of the key everybody knows, as a file."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(b"edgeferry development key, open!").public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
