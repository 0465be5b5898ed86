"""A device's folder, its broker over TLS and its repository: all an agent needs to be measured as it will be deployed.

Two releases with eight megabytes each that hardly differ, a delta between them, and TUF metadata that vouches for it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from contract.codec import to_json
from contract.digest import digest_of, hex_of
from contract.dsse import ASSIGNMENT_TYPE, sign
from contract.manifest import GOLDEN, LABELS
from contract.messages import Assignment, DeltaOffer, Limits
from contract.moments import rfc3339
from converters.delta import make_delta
from converters.sealing import sealed
from devices.keys import Signer, load_signer, make_key
from tests.broker import Broker, free_port
from tests.edge.authority import server_context
from tests.edge.tiny_bundle import CLASSES, MODEL, PROFILE, golden_frames, network, tiny_manifest
from tests.edge.tuf_repository import TufRepository

BALLAST_BYTES = 2 << 20
FLEET, DEVICE = "test", "cam-1"


class TlsBroker(Broker):
    """A mosquitto with a second listener, which speaks TLS."""

    def __init__(self, folder: Path) -> None:
        _, self.ca_file = server_context(folder)
        tls = free_port()
        self.tls_url = f"mqtts://127.0.0.1:{tls}"
        # Started by root, it would become a user who may not read the key.
        secrets = f"user root\ncertfile {folder}/server.pem\nkeyfile {folder}/server.pem\n"
        super().__init__(folder, also=f"listener {tls} 127.0.0.1\n{secrets}")


class Station:
    """Keys, bundles, metadata and a configuration below `folder`; `served` is what the web server shows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.served, self.config = folder, folder / "served", folder / "device.toml"
        self.served.mkdir()
        for name in ("publisher", "fleet"):
            make_key(folder / f"{name}.key")
        signer = load_signer(folder / "publisher.key")
        self.first, self.second = (_bundle(self.served, version, signer) for version in (1, 2))
        self.delta = self.served / "1-2.delta"
        make_delta(self.first, self.second, self.delta)
        self._repository = TufRepository(self.served / "metadata", at_s=time.time())
        self._repository.add(f"{_hex(self.second)}.bundle", size_bytes=self.second.stat().st_size)
        self._repository.publish()

    def write_config(self, broker_url: str, ca_file: str | None, *, source: str) -> None:
        """As provisioning would. A window every five seconds, as by default."""
        secured = "" if ca_file is None else f'ca_file = "{ca_file}"'
        self.config.write_text(
            f"""
fleet = "{FLEET}"
device = "{DEVICE}"
profile = "{PROFILE}"
state_dir = "state"
bundle = "served/{self.first.name}"

[broker]
url = "{broker_url}"
{secured}

[trust]
publishers = ["publisher.key.pub"]
fleet = ["fleet.key.pub"]
root = "served/metadata/1.root.json"

[camera]
source = "{source}"
name = "door"
"""
        )

    def start(self, **environment: str) -> subprocess.Popen[bytes]:
        """The agent, as systemd would start it."""
        command = [sys.executable, "-m", "edgeferry", "agent", "--config", str(self.config)]
        log = (self.folder / "agent.log").open("ab")
        with log:
            return subprocess.Popen(command, stderr=log, env={**os.environ, **environment})

    def assignment(self, server_url: str) -> bytes:
        """The second release, as a difference to the first."""
        data, delta = self.second.read_bytes(), self.delta.read_bytes()
        key = load_signer(self.folder / "fleet.key")
        assignment = Assignment(
            fleet=FLEET,
            device=DEVICE,
            counter=1,
            digest=digest_of(data),
            name="tiny",
            version=2,
            size_bytes=len(data),
            url=f"{server_url}/{self.second.name}",
            deadline=rfc3339(time.time() + 600.0),
            metadata_url=f"{server_url}/metadata/",
            delta=DeltaOffer(
                base=digest_of(self.first.read_bytes()),
                digest=digest_of(delta),
                size_bytes=len(delta),
                url=f"{server_url}/{self.delta.name}",
            ),
            limits=Limits(shadow_frames=5, health_frames=20, min_mean_confidence=0.5),
        )
        return to_json(sign(ASSIGNMENT_TYPE, to_json(assignment), key.keyid, key.sign, detached=False))


def _bundle(folder: Path, version: int, key: Signer) -> Path:
    """The tiny network with weights nobody uses; every hundredth of them is another in the second release."""
    model = _weighted(version)
    members = {MODEL: model, LABELS: "\n".join(CLASSES).encode(), GOLDEN: golden_frames(model)}
    manifest = tiny_manifest(version, PROFILE, members)
    path = folder / manifest.file_name
    path.write_bytes(sealed(manifest, members, key))
    return path


def _weighted(version: int) -> bytes:
    import onnx

    model = onnx.load_from_string(network(0.9))
    weights = np.random.default_rng(1).integers(0, 256, BALLAST_BYTES, np.uint8)
    weights[::100] += np.uint8(version)
    model.graph.initializer.append(onnx.numpy_helper.from_array(weights, "ballast"))
    data: bytes = model.SerializeToString()
    return data


def _hex(bundle: Path) -> str:
    return hex_of(digest_of(bundle.read_bytes()))
