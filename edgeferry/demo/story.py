"""The demo told step by step: each step is commands a person would type, and what they print is checked.

pictures → train → signed bundles → broker, fleet server, three devices → better model → rollout → all committed
→ model trained for another conveyor → rollout → every device defends itself → stop → count what was stored
"""

from __future__ import annotations

import re
import shlex
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from contract.moments import unix_s
from edgeferry.demo import findings as facts
from edgeferry.demo.broker import broker_command
from edgeferry.demo.parcels import write_folder, write_scans
from edgeferry.demo.processes import Children, DemoError, edgeferry, free_port, get_json

PROFILES = {"cam-dock-1": "rpi4", "cam-dock-2": "coral-usb", "cam-gate": "jetson-orin-jp6"}
NAME = "parcels"
EPOCHS = {1: 8, 2: 16, 3: 8}
"""The first model is a hasty one, the second the better one that rolls out, the third belongs to another conveyor."""
SEEN_ENOUGH = 20
"""Frames each device answers before the next step."""
UPDATE_LIMIT_S = 120.0
SETTINGS = """\
name = "parcels"
[preprocessing]
size_wh = [48, 36]
colour = "grey"
[augmentation]
shift = 0.05
zoom = 0.1
[network]
width = 0.75
"""


class Story:
    """One telling in one folder: `tell` goes through all of it and counts, `stay` lets the devices go on after that."""

    def __init__(self, folder: Path, port: int | None, *, embedded_broker: bool, say: Callable[[str], None]) -> None:
        self.folder, self.say = folder, say
        self._embedded_broker = embedded_broker
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.broker_name = ""
        self.children = Children(folder / "logs")
        self._began = time.monotonic()
        self._bundles: dict[int, list[dict[str, Any]]] = {}

    def stay(self) -> None:
        """Start the devices again, each on the model it ended with, until somebody presses Ctrl-C."""
        for device in PROFILES:
            self._start_device(device)
        while True:
            self.children.check()
            time.sleep(1)

    def tell(self) -> facts.Findings:
        """Every step in order; DemoError where one does not do what it promises."""
        self._step("drawing parcels with real handwritten digits")
        write_folder(self.folder / "pictures", seed=1)
        write_folder(self.folder / "other-line", seed=2, other_line=True)
        write_scans(self._scans)
        for purpose in ("publisher", "fleet", "root", "targets"):
            edgeferry("keys", "new", self._key(purpose), log=self._log)
        vouching = ("--root", self._key("root"), "--targets", self._key("targets"))
        online = ("--online", f"{self._key('fleet')}.pub")
        edgeferry("fleet", "trust", "init", *vouching, *online, "--out", self._metadata, log=self._log)
        self._make_release(1, "pictures")
        self._start()
        self._step("the devices work; meanwhile a better model is trained, and one on another line's pictures")
        with ThreadPoolExecutor() as pool:
            list(pool.map(self._make_release, (2, 3), ("pictures", "other-line")))
        good = self._roll_out(2, phases="1,all")
        self._step("the other line's model is let loose on all of them")
        # Without a shadow run, so that the health window and the way back are seen too.
        bad = self._roll_out(3, "--shadow-frames", "0", phases="all")
        page = facts.Page(url=self.url, delay_s=round(self._delay_s(), 3))
        return self._conclude(good, bad, page)

    def _make_release(self, version: int, pictures: str) -> None:
        self.say(f"        training and converting version {version}")
        run = self.folder / f"run-{version}"
        config = self.folder / "train.toml"
        config.write_text(SETTINGS)
        training = ("--config", config, "--epochs", str(EPOCHS[version]), "--seed", str(version))
        edgeferry("train", self.folder / pictures, "--task", "classify", "--out", run, *training, log=self._log)
        signing = ("--version", str(version), "--key", self._key("publisher"))
        profiles = ",".join(PROFILES.values())
        made = edgeferry("convert", run, "--for", profiles, *signing, "--out", self.folder / "bundles", log=self._log)
        self._bundles[version] = made["bundles"]

    def _start(self) -> None:
        self._step("starting the broker, the fleet server and three devices")
        broker_port = free_port()
        self.broker_name, command = broker_command(self.folder, broker_port, embedded=self._embedded_broker)
        self.children.start("broker", command)
        broker = f"mqtt://127.0.0.1:{broker_port}"
        self.children.start("fleet", self._fleet_command(broker))
        self.children.wait_until("the fleet server", lambda: get_json(f"{self.url}/api/health"), limit_s=60)
        self.say(f"      the page: {self.url}")
        for number, device in enumerate(PROFILES, 1):
            (self.folder / f"{device}.toml").write_text(self._device_config(device, number, broker))
            self._start_device(device)
            # One after the other: six processes that start at once keep each other's first frame waiting.
            self.children.wait_until(f"{device} at work", partial(self._seen_enough, device), limit_s=90)

    def _start_device(self, device: str) -> None:
        config = self.folder / f"{device}.toml"
        self.children.start(device, [sys.executable, "-m", "edgeferry", "agent", "--config", str(config)])

    def _fleet_command(self, broker: str) -> list[str]:
        folder = self.folder
        options = {
            "--fleet": "demo",
            "--broker": broker,
            "--store": f"sqlite:///{folder / 'fleet.db'}",
            "--repository": str(folder / "repository"),
            "--metadata": str(self._metadata),
            "--key": str(self._key("fleet")),
            "--trust": f"{self._key('publisher')}.pub",
            "--host": "127.0.0.1",
            "--port": str(self.port),
        }
        flat = [word for pair in options.items() for word in pair]
        return [sys.executable, "-m", "edgeferry", "fleet", "serve", *flat]

    def _device_config(self, device: str, number: int, broker: str) -> str:
        profile = PROFILES[device]
        bundle = next(b["path"] for b in self._bundles[1] if b["profile"] == profile)
        site = "dock" if "dock" in device else "gate"
        return "\n".join(
            (
                f'fleet = "demo"\ndevice = "{device}"\nprofile = "{profile}"\nsite = "{site}"',
                f'state_dir = "{self.folder / device}"\nbundle = "{bundle}"',
                f'[broker]\nurl = "{broker}"',
                f'[trust]\npublishers = ["{self._key("publisher")}.pub"]',
                f'fleet = ["{self._key("fleet")}.pub"]\nroot = "{self._metadata / "1.root.json"}"',
                f'[camera]\nname = "{device}"',
                f'source = "pipe:{self._camera(number)}"',
                '[telemetry]\nevery_s = 1.0\nevents = "changes"\n',
            )
        )

    def _camera(self, seed: int) -> str:
        """The command line of a camera of its own."""
        command = (sys.executable, "-m", "edgeferry.demo.camera", "--seed", str(seed), "--scans", str(self._scans))
        return shlex.join(command)

    def _reading(self, device: str) -> dict[str, Any] | None:
        """The device's newest reading, as the page has it."""
        found = get_json(f"{self.url}/api/devices/{device}")
        return found["telemetry"] if found else None

    def _seen_enough(self, device: str) -> bool | None:
        """True once the device has answered enough frames."""
        reading = self._reading(device)
        return True if reading and reading["ledger"]["inferred"] >= SEEN_ENOUGH else None

    def _roll_out(self, version: int, *more: str, phases: str) -> dict[str, dict[str, Any]]:
        """Upload, start, wait for the end; the last state of each device by its id."""
        self._step(f"rolling out version {version}")
        paths = [bundle["path"] for bundle in self._bundles[version]]
        edgeferry(
            "fleet", "release", *paths, "--targets-key", self._key("targets"), "--server", self.url, log=self._log
        )
        limits = ("--min-confidence", "0.6", "--health-frames", "20", "--phases", phases, *more)
        release = f"{NAME}@{version}"
        begun = edgeferry("fleet", "rollout", "create", release, *limits, "--server", self.url, log=self._log)
        address = f"{self.url}/api/rollouts/{begun['id']}"
        states = self.children.wait_until(
            f"the end of the rollout of {release}", lambda: self._settled(address), limit_s=UPDATE_LIMIT_S
        )
        for device, state in sorted(states.items()):
            self.say(f"      {device}: {state['state']}" + (f" ({state['cause']})" if state.get("cause") else ""))
        return states

    def _settled(self, address: str) -> dict[str, dict[str, Any]] | None:
        """Each device's state once none of them is on its way any more."""
        rollout = get_json(address)
        if rollout is None or rollout["state"] == "running":
            return None
        states = {device["device"]: device for device in rollout["devices"]}
        done = all(device["state"] in ("committed", "refused", "rolled-back") for device in states.values())
        return states if done else None

    def _delay_s(self) -> float:
        """Seconds between the end of a reading's window and the moment the page's data holds it."""
        device = next(iter(PROFILES))
        before = self._reading(device)

        def newer() -> str | None:
            reading = self._reading(device)
            return reading["at"] if reading and reading != before else None

        at = self.children.wait_until("a new reading", newer, limit_s=20, every_s=0.02)
        return time.time() - unix_s(at)

    def _conclude(
        self, good: dict[str, dict[str, Any]], bad: dict[str, dict[str, Any]], page: facts.Page
    ) -> facts.Findings:
        self._step("stopping the devices and counting")
        devices = tuple(self._device_fact(device, good[device], bad[device]) for device in PROFILES)
        self.children.stop(list(PROFILES))
        stats = get_json(f"{self.url}/api/stats") or {"stored": 0}
        traffic = facts.Traffic(sent=sum(map(self._sent, PROFILES)), stored=stats["stored"])
        accuracy = self._accuracy()
        checks = facts.checks(accuracy, devices, traffic, page, f"{NAME}@2")
        return facts.Findings(
            ok=all(check.ok for check in checks),
            seconds=round(time.monotonic() - self._began, 1),
            accuracy=accuracy,
            bundles=tuple(
                facts.BundleFact(profile=b["profile"], format=b["format"], bytes=b["bytes"]) for b in self._bundles[2]
            ),
            devices=devices,
            telemetry=traffic,
            page=page,
            broker=self.broker_name,
            checks=checks,
        )

    def _device_fact(self, device: str, good: dict[str, Any], bad: dict[str, Any]) -> facts.DeviceFact:
        found = get_json(f"{self.url}/api/devices/{device}")
        if found is None:
            raise DemoError(f"the fleet server knows no {device}", where=self.url, fix="Read its log.")
        readings = get_json(f"{self.url}/api/devices/{device}/telemetry?minutes=60")
        return facts.DeviceFact(
            id=device,
            frames=_frames(readings["readings"] if readings else []),
            final_model=found["model"],
            good_update=good["state"],
            bad_update=bad["state"].replace("-", "_"),
            cause=bad["cause"],
        )

    def _sent(self, device: str) -> int:
        """How many messages the device numbered, by its own last word."""
        words = (self.folder / "logs" / f"{device}.log").read_text(errors="replace")
        said = re.findall(r"stopped: (\d+) messages", words)
        return int(said[-1]) if said else 0

    def _accuracy(self) -> facts.Accuracy:
        evidence = {bundle["format"]: bundle["evidence"] for bundle in self._bundles[2]}
        return facts.Accuracy(
            source=evidence["tflite"]["source"],
            tflite_int8=evidence["tflite"]["artifact"],
            onnx_int8=evidence["onnx"]["artifact"],
        )

    def _key(self, purpose: str) -> Path:
        return self.folder / f"{purpose}.key"

    @property
    def _scans(self) -> Path:
        """What the cameras show."""
        return self.folder / "camera-scans.npz"

    @property
    def _metadata(self) -> Path:
        """The update repository's, whose root every device pins."""
        return self.folder / "metadata"

    @property
    def _log(self) -> Path:
        """Where the words of finished commands go."""
        return self.folder / "logs" / "commands.log"

    def _step(self, what: str) -> None:
        self.say(f"{time.monotonic() - self._began:4.0f} s  {what}")


def _frames(readings: list[dict[str, Any]]) -> int:
    """Frames answered, over every model that served: the ledger begins anew with each."""
    highest: dict[str, int] = {}
    for reading in readings:
        highest[reading["digest"]] = max(highest.get(reading["digest"], 0), reading["ledger"]["inferred"])
    return sum(highest.values())
