"""A bundle goes to a registry's tools and comes back byte for byte, or not at all."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contract.digest import digest_of, hex_of
from contract.errors import BundleError, ConfigError
from converters.oci_layout import export_bundle, import_bundle, oci_folder
from tests.contract.small_bundle import good_bundle
from tests.data.make_bundles import FOLDER as KEPT
from tests.edge.colours import bundle_bytes

DIGEST = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
DESCRIPTOR = {
    "type": "object",
    "required": ["mediaType", "digest", "size"],
    "properties": {
        "mediaType": {"type": "string", "pattern": r"^application/vnd\.(oci\.image|cncf\.model)\.[a-z0-9.+]+$"},
        "artifactType": {"const": "application/vnd.cncf.model.manifest.v1+json"},
        "digest": DIGEST,
        "size": {"type": "integer", "minimum": 0},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
MANIFEST = {
    "type": "object",
    "required": ["schemaVersion", "mediaType", "artifactType", "config", "layers"],
    "properties": {
        "schemaVersion": {"const": 2},
        "mediaType": {"const": "application/vnd.oci.image.manifest.v1+json"},
        "artifactType": {"const": "application/vnd.cncf.model.manifest.v1+json"},
        "config": {**DESCRIPTOR, "properties": {**DESCRIPTOR["properties"], "artifactType": False}},  # type: ignore[dict-item]
        "layers": {"type": "array", "minItems": 1, "items": DESCRIPTOR},
        "annotations": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
WORDS = {"type": "string", "minLength": 1}
CONFIG = {
    "type": "object",
    "required": ["descriptor", "config", "modelfs"],
    "properties": {
        "descriptor": {
            "properties": {"name": WORDS, "version": WORDS, "title": WORDS, "description": WORDS},
            "additionalProperties": False,
        },
        "config": {
            "properties": {
                "format": WORDS,
                "precision": WORDS,
                "capabilities": {
                    "properties": {
                        kind: {"items": {"enum": ["text", "image", "audio", "video", "embedding", "other"]}}
                        for kind in ("inputTypes", "outputTypes")
                    },
                    "additionalProperties": False,
                },
            },
            "additionalProperties": False,
        },
        "modelfs": {
            "required": ["type", "diffIds"],
            "properties": {"type": {"const": "layers"}, "diffIds": {"type": "array", "minItems": 1, "items": DIGEST}},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}
"""The parts of the specification's `docs/spec.md` and `docs/config.md` that are used here, as they are said there."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "colours-1-rpi4.bundle"
    path.write_bytes(bundle_bytes(profile="rpi4", recipe="tflite-int8", note="Look here."))
    return path


@pytest.fixture
def layout(bundle: Path, tmp_path: Path) -> Path:
    export_bundle(bundle, tmp_path / "layout")
    return tmp_path / "layout"


def blob(layout: Path, digest: str) -> Path:
    return layout / "blobs/sha256" / hex_of(digest)


def documents(layout: Path) -> tuple[Any, Any]:
    """The artifact's manifest and its config."""
    index = json.loads((layout / "index.json").read_bytes())
    manifest = json.loads(blob(layout, index["manifests"][0]["digest"]).read_bytes())
    return manifest, json.loads(blob(layout, manifest["config"]["digest"]).read_bytes())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def replaced(layout: Path, change: Callable[[Any], None]) -> None:
    """The artifact's manifest changed, and the index led to it: as whoever has the folder can do."""
    index = json.loads((layout / "index.json").read_bytes())
    manifest, _ = documents(layout)
    change(manifest)
    data = json.dumps(manifest).encode()
    index["manifests"][0] |= {"digest": digest_of(data), "size": len(data)}
    blob(layout, digest_of(data)).write_bytes(data)
    (layout / "index.json").write_text(json.dumps(index))


def test_it_comes_back_byte_for_byte(bundle: Path, layout: Path, tmp_path: Path) -> None:
    report = import_bundle(layout, tmp_path / "back.bundle")
    assert (tmp_path / "back.bundle").read_bytes() == bundle.read_bytes()
    assert (report.digest, report.release, report.profile) == (digest_of(bundle.read_bytes()), "colours@1", "rpi4")


@pytest.mark.parametrize("name", ["good-schema-1", "newer-minor"])
def test_so_do_bundles_of_other_days(name: str, tmp_path: Path) -> None:
    export_bundle(KEPT / f"{name}.bundle", tmp_path / "layout")
    import_bundle(tmp_path / "layout", tmp_path / "back.bundle")
    assert (tmp_path / "back.bundle").read_bytes() == (KEPT / f"{name}.bundle").read_bytes()


def test_equal_bundles_give_equal_folders(bundle: Path, layout: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    export_bundle(bundle, tmp_path / "other")
    assert contents(tmp_path / "other") == contents(layout)


def test_every_document_says_what_the_specification_asks(layout: Path) -> None:
    manifest, config = documents(layout)
    Draft202012Validator(MANIFEST).validate(manifest)
    Draft202012Validator(CONFIG).validate(config)
    assert json.loads((layout / "oci-layout").read_bytes()) == {"imageLayoutVersion": "1.0.0"}
    kinds = {layer["annotations"]["org.cncf.model.filepath"]: layer["mediaType"] for layer in manifest["layers"]}
    assert kinds["colours_uint8.tflite"] == "application/vnd.cncf.model.weight.v1.raw"
    assert kinds["golden.npz"] == "application/vnd.cncf.model.dataset.v1.raw"
    assert kinds["manifest.json"] == "application/vnd.cncf.model.weight.config.v1.raw"
    assert config["modelfs"]["diffIds"] == [layer["digest"] for layer in manifest["layers"]]
    assert config["config"]["precision"] == "int8"


def test_each_file_is_a_blob_of_its_own_under_its_digest(layout: Path) -> None:
    for path in (layout / "blobs/sha256").iterdir():
        assert digest_of(path.read_bytes()) == f"sha256:{path.name}"
    manifest, _ = documents(layout)
    for layer in manifest["layers"]:
        assert blob(layout, layer["digest"]).stat().st_size == layer["size"]


def test_skopeo_reads_it_and_takes_it_elsewhere(bundle: Path, layout: Path, tmp_path: Path) -> None:
    if not shutil.which("skopeo"):
        pytest.skip("skopeo is not installed")
    raw = subprocess.run(["skopeo", "inspect", "--raw", f"oci:{layout}:1-rpi4"], check=True, capture_output=True).stdout
    assert json.loads(raw) == documents(layout)[0]
    subprocess.run(["skopeo", "copy", f"oci:{layout}:1-rpi4", f"oci:{tmp_path / 'moved'}:any"], check=True)
    import_bundle(tmp_path / "moved", tmp_path / "back.bundle")
    assert (tmp_path / "back.bundle").read_bytes() == bundle.read_bytes()


def test_a_folder_in_use_is_left_alone(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "notes").write_text("mine")
    with pytest.raises(ConfigError, match="something already"):
        export_bundle(bundle, tmp_path / "used")
    with pytest.raises(ConfigError, match="something already"):
        export_bundle(bundle, bundle)
    with pytest.raises(ConfigError, match="no such folder"):
        export_bundle(bundle, tmp_path / "nowhere" / "layout")
    assert contents(tmp_path / "used") == {"notes": b"mine"}


def test_what_is_no_bundle_leaves_no_folder(tmp_path: Path) -> None:
    (tmp_path / "x.bundle").write_bytes(good_bundle()[:-3])
    with pytest.raises(BundleError):
        export_bundle(tmp_path / "x.bundle", tmp_path / "layout")
    assert [path.name for path in tmp_path.iterdir()] == ["x.bundle"]


def drop_a_layer(manifest: Any) -> None:
    del manifest["layers"][2]


def name_one_twice(manifest: Any) -> None:
    manifest["layers"].append(manifest["layers"][0])


def lead_out(manifest: Any) -> None:
    manifest["layers"][1]["digest"] = "sha256:../../../../etc/passwd"


def rename_one(manifest: Any) -> None:
    manifest["layers"][1]["annotations"]["org.cncf.model.filepath"] = "../model.tflite"


def exchange_two(manifest: Any) -> None:
    first, second = manifest["layers"][1], manifest["layers"][2]
    first["annotations"], second["annotations"] = second["annotations"], first["annotations"]


def say_another_bundle(manifest: Any) -> None:
    manifest["annotations"]["io.github.edgeferry.bundle.digest"] = f"sha256:{'0' * 64}"


def claim_gigabytes(manifest: Any) -> None:
    manifest["layers"][1]["size"] = 2**31 - 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop_a_layer, "not the files its manifest lists"),
        (name_one_twice, "not the files of one bundle"),
        (lead_out, "digest"),
        (rename_one, "not the files its manifest lists"),
        (exchange_two, "not the ones the manifest lists"),
        (say_another_bundle, "another bundle than the one it says"),
        (claim_gigabytes, "larger than a bundle can be"),
    ],
)
def test_a_layout_that_lies_is_refused(layout: Path, tmp_path: Path, change: Callable[[Any], None], words: str) -> None:
    replaced(layout, change)
    with pytest.raises(BundleError, match=words):
        import_bundle(layout, tmp_path / "back.bundle")
    assert not (tmp_path / "back.bundle").exists()


def test_one_changed_bit_in_any_file_is_noticed(layout: Path, tmp_path: Path) -> None:
    manifest, config = documents(layout)
    for path in (layout / "blobs/sha256").iterdir():
        if digest_of(path.read_bytes()) == manifest["config"]["digest"]:
            continue  # Describes the model to a registry; nothing of the bundle is in it.
        whole = path.read_bytes()
        path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
        with pytest.raises(BundleError):
            import_bundle(layout, tmp_path / "back.bundle")
        path.write_bytes(whole)
    assert config["descriptor"]["name"] == "colours"


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_folder_without_its_documents_is_no_layout(layout: Path, tmp_path: Path, name: str) -> None:
    (layout / name).unlink()
    with pytest.raises(BundleError, match=f"no file '{name}'"):
        import_bundle(layout, tmp_path / "back.bundle")


def test_several_artifacts_are_not_guessed_between(layout: Path, tmp_path: Path) -> None:
    index = json.loads((layout / "index.json").read_bytes())
    index["manifests"] *= 2
    (layout / "index.json").write_text(json.dumps(index))
    with pytest.raises(BundleError, match="2 artifacts in it"):
        import_bundle(layout, tmp_path / "back.bundle")


def test_only_layouts_are_places() -> None:
    assert oci_folder("oci:models/digits") == Path("models/digits")
    for text in ("models", "oci:", "docker://host/name"):
        with pytest.raises(ConfigError, match="oci:FOLDER"):
            oci_folder(text)
