"""The map of places in a browser; it is told again only when a count or a place changes."""

from __future__ import annotations

from collections.abc import Callable

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from fleet.page.places import Spot


class PlaceMap(Element, component="map.js"):
    """`on_choose(area, name)` is called with what somebody clicked: south, west, north, east in degrees."""

    def __init__(self, spots: list[Spot], tiles: str) -> None:
        """`tiles` is an address with {z}, {x} and {y}, or empty for no foreign pictures."""
        super().__init__()
        self.on_choose: Callable[[list[float], str], None] = lambda _area, _name: None
        self._spots = spots
        self._props["first"], self._props["tiles"] = spots, tiles

        def choose(chosen: GenericEventArguments) -> None:
            self.on_choose(chosen.args["area"], chosen.args["place"])

        self.on("choose", choose)

    def refresh(self, spots: list[Spot]) -> None:
        """Show these, if they differ."""
        if spots != self._spots:
            self._spots = spots
            self.run_method("show", spots)
