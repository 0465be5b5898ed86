"""A whole server, a real broker and simulated devices at known places, for tests of the page."""

from __future__ import annotations

import random
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.broker import Broker
from tests.fleet.server_process import ServerProcess, eventually
from tests.fleet.simulated import SimulatedDevice

YARD = {
    "cam-dock-1": ("rpi4", "dock", (53.5413, 9.9841)),
    "cam-dock-2": ("coral-usb", "dock", (53.5413, 9.9841)),
    "cam-gate": ("jetson-orin-jp6", "gate", (53.5670, 10.0300)),
}


class Yard:
    """A server and three devices with a quarter of an hour behind them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.broker = Broker(folder)
        self.broker.start()
        self.server = ServerProcess(folder, self.broker.url)
        self.devices = {
            name: SimulatedDevice(
                self.broker.port, name, profile=profile, site=site, tags={"lat": str(lat), "lon": str(lon)}
            )
            for name, (profile, site, (lat, lon)) in YARD.items()
        }
        for device in self.devices.values():
            self.remember(device)
        assert eventually(lambda: self.server.get("/api/stats")["stored"] == 3 * 180)

    def remember(self, device: SimulatedDevice) -> None:
        """The readings of the last fifteen minutes, one every five seconds."""
        chance, now_s = random.Random(device.name), time.time()
        for number in range(1, 181):
            device.send(
                [number], oldest=1, at_s=now_s - 5 * (180 - number), rate=chance.gauss(10.0, 0.3), chance=chance
            )

    def stop(self) -> None:
        """Everything ends in good order, or the test fails."""
        for device in self.devices.values():
            device.stop()
        code = self.server.stop()
        self.broker.stop()
        assert code == 0
        assert "Traceback" not in self.server.words.read_text()


class Watched:
    """A page of a browser, and what must not happen on it: foreign requests, scripts that stumble."""

    def __init__(
        self, browser: Browser, url: str, *, width: int = 1280, height: int = 800, scheme: str = "light"
    ) -> None:
        self._ours = (url, url.replace("http", "ws"), "data:", "blob:")
        self.wrong: list[str] = []
        self._context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            reduced_motion="reduce",
        )
        self.page: Page = self._context.new_page()
        self.page.on("request", lambda asked: self._judge(asked.url))
        self.page.on("websocket", lambda opened: self._judge(opened.url))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.set_default_timeout(15_000)

    def close(self) -> None:
        """The end; whatever went wrong fails the test."""
        self._context.close()
        assert self.wrong == []

    def _judge(self, url: str) -> None:
        if not url.startswith(self._ours):
            self.wrong.append(url)
