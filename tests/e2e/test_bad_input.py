"""Commands that train, convert, inspect and sign, given what they cannot use: one message, and nothing left behind."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from converters.runs import KERAS_MEMBERS
from devices.keys import make_key
from tests.conftest import edgeferry
from tests.e2e.refusal import flipped, pictures, refused

CORRUPT_BUNDLES = (
    "archives/archive.zip",
    "archives/specialfiles.tar",
    "archives/symlinks2.zip",
    "archives/traverse.tar",
    "models/add_shared_tensors.tflite",
    "models/corrupt-model.onnx",
    "models/empty_model.tflite",
    "models/invalid_model.tflite",
    "models/model_with_external_initializers.onnx",
    "models/multi_add_flex.tflite",
    "models/no_subgraphs.tflite",
    "models/test_model_broken.tflite",
)
SETTINGS = {
    "bogus = 1": "t.toml:1",
    "[training]\nepochs = 'x'": "t.toml:2",
    "[training]\nepochs = 99999999999999999999999": "epochs",
    "[training]\nlearning_rate = nan": "t.toml:2",
    "[training]\nthreads = 100000": "t.toml:2",
    "[preprocessing]\nsize_wh = [0, 0]": "t.toml:2",
    "[preprocessing]\nsize_wh = [100000, 100000]": "(100000, 100000)",
    "name = '../x'": "t.toml:1",
    "task = 'segment'": "segment",
    "not toml [[": "line 1",
}


@pytest.fixture
def two_classes(tmp_path: Path) -> Path:
    """A folder in which `p` holds pictures that could be trained on."""
    pictures(tmp_path / "p", a=4, b=4)
    return tmp_path


@pytest.fixture
def run_copy(digits_run: Path, tmp_path: Path) -> Path:
    """A folder in which `r` is a finished run that a test may damage."""
    shutil.copytree(digits_run, tmp_path / "r")
    return tmp_path


@pytest.mark.parametrize("command", [("dataset", "check", "p"), ("train", "p", "--out", "new/run")])
@pytest.mark.parametrize("kind", ["missing", "file", "empty", "without pictures"])
def test_no_pictures(command: tuple[str, ...], kind: str, tmp_path: Path) -> None:
    if kind == "file":
        (tmp_path / "p").write_text("not a folder")
    elif kind != "missing":
        (tmp_path / "p").mkdir()
    if kind == "without pictures":
        (tmp_path / "p/a").mkdir()
        (tmp_path / "p/a/notes.txt").write_text("none")
    refused(tmp_path, *command, naming="where: p")


@pytest.mark.parametrize(
    ("classes", "naming"), [({"a": 3}, "'a'"), ({"a": 3, "b": 0}, "no picture in b"), ({"a": 1, "b": 1}, "too few")]
)
def test_too_little_to_train_on(classes: dict[str, int], naming: str, tmp_path: Path) -> None:
    pictures(tmp_path / "p", **classes)
    refused(tmp_path, "train", "p", "--out", "run", naming=naming)


def test_a_check_that_found_errors_reports_them_whole(shared_data: Path, tmp_path: Path) -> None:
    """The report is the command's output, so it is on standard output; the exit code says that it is not good."""
    pictures(tmp_path / "p", a=3, empty=0)
    shutil.copytree(shared_data / "corrupt/images", tmp_path / "p/b")
    done = edgeferry("dataset", "check", "p", "--json", check=False, cwd=tmp_path)
    found = {finding["kind"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert done.returncode == 4
    assert found["empty-class"]["examples"] == ["empty"]
    unreadable = {example.split(":")[0] for example in found["unreadable"]["examples"]}
    every = {f"b/{path.name}" for path in (shared_data / "corrupt/images").iterdir()}
    assert unreadable == every - {"b/hopper_bad_exif.jpg"}


@pytest.mark.parametrize("name", ["truncated_jpeg.jpg", "truncated_image.png", "badwidth.bmp", "broken.png"])
def test_an_unreadable_picture_is_named(name: str, two_classes: Path, shared_data: Path) -> None:
    shutil.copy(shared_data / "corrupt/images" / name, two_classes / "p/a")
    refused(two_classes, "train", "p", "--out", "run", naming=f"a/{name}")


@pytest.mark.parametrize("kind", ["file", "folder", "run", "below a file"])
def test_a_place_for_the_run_that_is_taken(kind: str, two_classes: Path, digits_run: Path) -> None:
    out = two_classes / "run"
    if kind == "run":
        shutil.copytree(digits_run, out)
    elif kind == "folder":
        out.mkdir()
        (out / "mine.txt").write_text("mine")
    else:
        out.write_text("mine")
    refused(two_classes, "train", "p", "--out", "run/below" if kind == "below a file" else "run", naming="run")


@pytest.mark.parametrize("text", SETTINGS)
def test_settings_that_cannot_be(text: str, two_classes: Path) -> None:
    (two_classes / "t.toml").write_text(text)
    refused(two_classes, "train", "p", "--out", "run", "--config", "t.toml", naming=SETTINGS[text])


@pytest.mark.parametrize(
    ("options", "naming"),
    [
        (("--config", "t.toml"), "t.toml"),
        (("--task", "juggle"), "juggle"),
        (("--task", "segment"), "segment"),
        (("--task", "detect"), "no boxes are marked"),
        (("--name", "a/b"), "name"),
        (("--epochs", "0"), "--epochs"),
        (("--bogus",), "--bogus"),
    ],
)
def test_training_options_that_mean_nothing(options: tuple[str, ...], naming: str, two_classes: Path) -> None:
    refused(two_classes, "train", "p", "--out", "run", *options, naming=naming)


@pytest.mark.parametrize(("model", "naming"), [("nothing", "nothing"), ("text", "text"), ("folder", "not a run")])
def test_what_is_neither_run_nor_bundle_is_not_measured(model: str, naming: str, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("neither")
    (tmp_path / "folder").mkdir()
    refused(tmp_path, "evaluate", model, "digits", naming=naming)


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_only_runs_are_converted(kind: str, tmp_path: Path) -> None:
    if kind == "file":
        (tmp_path / "r").write_text("no run")
    elif kind == "empty":
        (tmp_path / "r").mkdir()
    refused(tmp_path, "convert", "r", "--for", "rpi4", "--out", "o", naming="where: r")


@pytest.mark.parametrize("name", ["metrics.json", "golden.npz", "model.keras"])
def test_an_unfinished_run_is_not_converted(name: str, run_copy: Path) -> None:
    (run_copy / "r" / name).unlink()
    refused(run_copy, "convert", "r", "--for", "rpi4", "--out", "o", naming=name)


@pytest.mark.parametrize("name", ["metrics.json", "dataset.json", "train.toml", "golden.npz", "model.keras"])
@pytest.mark.parametrize("content", [b"", b"junk\xff", b"an array"], ids=["empty", "junk", "array"])
def test_a_damaged_run_is_not_converted(name: str, content: bytes, run_copy: Path) -> None:
    damaged = run_copy / "r" / name
    damaged.write_bytes(content)
    if content == b"an array":
        with damaged.open("wb") as file:
            np.save(file, np.zeros(3))
    refused(run_copy, "convert", "r", "--for", "rpi4", "--out", "o", naming=f"r/{name}")


def test_a_keras_file_of_nothing_is_named_by_the_converter(run_copy: Path) -> None:
    with zipfile.ZipFile(run_copy / "r/model.keras", "w") as archive:
        for member in KERAS_MEMBERS:
            archive.writestr(member, "junk")
    refused(run_copy, "convert", "r", "--for", "rpi4", "--out", "o", naming="r/model.keras")


@pytest.mark.parametrize(
    ("options", "naming"),
    [
        (("--for", "abacus"), "abacus"),
        (("--for", ","), "--for"),
        (("--for", "rpi4", "--key", "text"), "text"),
        (("--for", "rpi4", "--key", "nothing"), "nothing"),
        (("--for", "rpi4", "--name", "A b"), "A b"),
        (("--for", "rpi4", "--version", "0"), "--version"),
        (("--for", "rpi4", "--calibration", "nothing"), "nothing"),
        (("--for", "rpi4", "--calibration", "empty"), "empty"),
        (("--for", "rpi4", "--out", "text"), "text"),
        (("--for", "rpi4", "--out", "text/below"), "text"),
    ],
)
def test_conversion_options_that_mean_nothing(options: tuple[str, ...], naming: str, run_copy: Path) -> None:
    (run_copy / "text").write_text("text")
    (run_copy / "empty").mkdir()
    refused(run_copy, "convert", "r", "--out", "o", *options, naming=naming)


def test_a_version_is_never_given_twice(run_copy: Path) -> None:
    (run_copy / "o").mkdir()
    (run_copy / "o/digits-1-rpi4.bundle").write_bytes(b"another one")
    refused(run_copy, "convert", "r", "--for", "rpi4", "--out", "o", naming="o/digits-1-rpi4.bundle")


@pytest.mark.parametrize("name", CORRUPT_BUNDLES)
@pytest.mark.parametrize("verb", ["inspect", "verify"])
def test_files_that_are_no_bundles(verb: str, name: str, shared_data: Path, tmp_path: Path) -> None:
    file = shared_data / "corrupt" / name
    refused(tmp_path, "bundle", verb, file, naming=str(file))


@pytest.mark.parametrize("share", [0.0, 0.002, 0.03, 0.3, 0.6, 0.9, 0.99, 1.0])
def test_one_flipped_bit_anywhere_is_found(share: float, digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    data = digits_bundles["rpi4"].read_bytes()
    (tmp_path / "b.bundle").write_bytes(flipped(data, round(share * (len(data) - 1))))
    refused(tmp_path, "bundle", "verify", "b.bundle", naming="b.bundle")


@pytest.mark.parametrize("kind", ["cut short", "empty", "folder", "missing"])
def test_no_whole_bundle(kind: str, digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    if kind == "folder":
        (tmp_path / "b.bundle").mkdir()
    elif kind != "missing":
        whole = digits_bundles["rpi4"].read_bytes()
        (tmp_path / "b.bundle").write_bytes(whole[:-7] if kind == "cut short" else b"")
    refused(tmp_path, "bundle", "verify", "b.bundle", naming="b.bundle")


def test_a_bundle_by_a_stranger(digits_bundles: dict[str, Path], tmp_path: Path) -> None:
    make_key(tmp_path / "mine.key")
    bundle = digits_bundles["rpi4"]
    words = refused(tmp_path, "bundle", "verify", bundle, "--trust", "mine.key.pub", naming=str(bundle))
    assert "whom nobody here trusts" in words


@pytest.mark.parametrize("name", ["key", "other", ".", "/", "key/below"])
def test_a_key_is_never_written_over_anything(name: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("mine")
    (tmp_path / "other.pub").write_text("mine")
    refused(tmp_path, "keys", "new", name, naming=name.split("/")[0] or "/")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "junk",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        # Ed25519 as far as its name, and then too long for it.
        f"-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VxBCIEI{'G' * 43}\n-----END PRIVATE KEY-----\n",
    ],
    ids=["empty", "junk", "public", "private", "damaged"],
)
def test_what_is_no_key_is_not_shown(text: str, tmp_path: Path) -> None:
    (tmp_path / "k").write_text(text)
    refused(tmp_path, "keys", "show", "k", naming="where: k")


@pytest.mark.parametrize("name", ["abacus", "../rpi4", ""])
def test_an_unknown_profile(name: str, tmp_path: Path) -> None:
    refused(tmp_path, "devices", "show", name, naming=f"'{name}'")


@pytest.mark.parametrize("arguments", [("juggle",), ("train",), ("bundle", "juggle"), ("fleet", "serve")])
def test_a_slip_in_the_command_itself(arguments: tuple[str, ...], tmp_path: Path) -> None:
    refused(tmp_path, *arguments, naming="Usage: ")
