"""Begin a rollout: who, how, within which limits; first a dry run, then the order itself."""

from __future__ import annotations

import contextlib
from asyncio import to_thread
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from fastapi import Request
from nicegui import ui
from pydantic import ValidationError

from contract.digest import PREFIX
from contract.errors import ConfigError
from fleet.answers import HealthLimits, RolloutOrder
from fleet.page import acts, words
from fleet.page.acts import Preview, Share
from fleet.page.roster import Roster, Sight
from fleet.page.shell import attempt, button, element, may_act, shell, text, visit
from fleet.page.tables import Cell, DeviceLink, listing
from fleet.parts import Parts
from fleet.releases import list_releases

_SHOWN = 50
"""Devices of a dry run that are listed one by one."""
_SITE, _PROFILE = "any site", "any profile"


@dataclass
class _Form:
    """The fields, by what they mean."""

    release: Any
    site: Any
    profile: Any
    names: Any
    phases: Any
    confidence: Any
    latency: Any
    agreement: Any
    deadline: Any
    budget: Any
    whole: Any
    further: dict[str, Any]
    """By the order's own names."""

    def order(self, sight: Sight) -> RolloutOrder:
        """What is asked for; ConfigError where a field makes no sense."""
        try:
            limits = HealthLimits(
                min_mean_confidence=self.confidence.value or 0.0,
                min_agreement=self.agreement.value or 0.0,
                max_latency_p95_ms=self.latency.value or None,
            )
            said = {
                "release": self.release.value or "",
                "devices": self._devices(sight),
                "phases": tuple(phase.strip() for phase in (self.phases.value or "").split(",")),
                "limits": limits,
                "deadline_minutes": self.deadline.value or 0.0,
                "whole_if_delta_fails": bool(self.whole.value),
                "budget_mib": self.budget.value or None,
            }
            further = {name: field.value for name, field in self.further.items() if field.value not in (None, "")}
            return RolloutOrder.model_validate(said | further)
        except ValidationError as invalid:
            first = invalid.errors()[0]
            where = str(first["loc"][-1]).replace("_", " ")
            raise ConfigError(
                f"{where}: {first['msg']}", where="rollout", fix="Correct it and check again."
            ) from invalid

    def _devices(self, sight: Sight) -> tuple[str, ...] | None:
        """None for everybody; ConfigError where nobody is chosen."""
        patterns = [name for name in (self.names.value or "").replace(",", " ").split() if name]
        site, profile = self.site.value, self.profile.value
        if (site, profile) == (_SITE, _PROFILE) and not patterns:
            return None
        chosen = tuple(
            entry.id
            for entry in sight.entries
            if site in (_SITE, entry.site)
            and profile in (_PROFILE, entry.profile)
            and (not patterns or any(fnmatchcase(entry.id, pattern) for pattern in patterns))
        )
        if not chosen:
            raise ConfigError("no device fits that choice", where="rollout", fix="Widen the site, profile or names.")
        return chosen


def add_rollout_form(parts: Parts, roster: Roster) -> None:
    """Serve it at `/rollouts/new`; a release may stand in its address, like `?release=digits@2`."""

    @ui.page("/rollouts/new")
    async def page(request: Request) -> None:
        sight = await to_thread(roster.look)
        with parts.store.reading() as connection:
            releases = [found.release for found in list_releases(connection)]
        with shell(parts, "/rollouts", "New rollout"):
            text("New rollout", tag="h1")
            if not may_act():
                text("You may look and not begin anything. Ask an operator or an admin.", "ef-empty ef-card")
            elif not releases:
                text("Nothing to roll out yet. Upload bundles: edgeferry fleet release BUNDLE…", "ef-empty ef-card")
            else:
                text("Nothing is told to anybody before the dry run has been seen.", "ef-dim")
                _fill(parts, roster, sight, releases, request.query_params.get("release", releases[0]))


def _fill(parts: Parts, roster: Roster, sight: Sight, releases: list[str], chosen: str) -> None:
    with element("div", "ef-stack").style("margin-top: 14px"):
        with element("section", "ef-card"):
            form = _fields(sight, releases, chosen if chosen in releases else releases[0])
            with element("div", "ef-buttons"):
                check = button("Dry run", kind="main", testid="check")
        place = element("div").props('aria-live="polite"')

    async def look() -> None:
        place.clear()
        now = await to_thread(roster.look)
        order = await attempt(form.order, now)
        found = None if order is None else await attempt(acts.preview, parts, order)
        if order is not None and found is not None:
            with place:
                _preview(parts, order, found)

    check.on("click", look)
    for field in (*(field for name, field in vars(form).items() if name != "further"), *form.further.values()):
        field.on_value_change(place.clear)


def _fields(sight: Sight, releases: list[str], chosen: str) -> _Form:
    choices = sight.choices()
    with _group("What, and to whom"):
        release = _field(lambda: ui.select(releases, value=chosen, label="Release"), "release")
        site = _field(lambda: ui.select([_SITE, *choices["site"]], value=_SITE, label="Site"), "site")
        profiles = [_PROFILE, *choices["profile"]]
        profile = _field(lambda: ui.select(profiles, value=_PROFILE, label="Profile"), "profile")
        names = _field(lambda: ui.input("Names, empty for all", placeholder="cam-1 cam-dock-*"), "names")
        further = {name: _field(make, name) for name, make in _WHOM.items()}
    with _group("How"):
        phases = _field(lambda: ui.input("Phases: devices told by each wave", value="1,10%,all"), "phases")
        deadline = _field(lambda: ui.number("Deadline of each device, minutes", value=30, min=0.1), "deadline")
        budget = _field(lambda: _number("Budget of each device, MiB", None), "budget")
        whole = _field(lambda: ui.switch("Whole bundle if a delta fails"), "whole", plain=True)
        further |= {name: _field(make, name) for name, make in _HOW.items()}
    with _group("What the new model must hold on each device"):
        confidence = _field(lambda: _number("Least mean confidence, 0 to 1", 1), "confidence")
        agreement = _field(lambda: _number("Least agreement, 0 to 1", 1), "agreement")
        latency = _field(lambda: _number("Largest latency p95, ms", None), "latency")
    return _Form(
        release, site, profile, names, phases, confidence, latency, agreement, deadline, budget, whole, further
    )


_WHOM: dict[str, Callable[[], Any]] = {
    "group": lambda: ui.input("Or a group", placeholder="its name"),
    "where": lambda: ui.input("Or a filter", placeholder="site=dock and tag.line=3"),
    "dynamic": lambda: ui.switch("Take in devices that come to fit later"),
}
_HOW: dict[str, Callable[[], Any]] = {
    "not_before": lambda: ui.input("Not before", placeholder="2026-12-01T22:00:00Z"),
    "window": lambda: ui.input("Time window", placeholder="Mon-Fri 22:00-05:00 Europe/Berlin"),
    "soak_minutes": lambda: _number("Watch each wave, minutes", None, unsaid="0"),
    "max_failures": lambda: ui.input("Halt beyond failures", placeholder="auto, 0, or 5%"),
    "control_share": lambda: _number("Held back to compare, 0 to 0.5", 0.5, unsaid="0"),
    "catch_up_days": lambda: _number("Days to catch up after being offline", 365, unsaid="7"),
    "needs_approval": lambda: ui.switch("Wait for somebody's approval"),
}


@contextlib.contextmanager
def _group(title: str) -> Iterator[None]:
    with element("fieldset", "ef-group"):
        text(title, tag="legend")
        with element("div", "ef-form"):
            yield


def _number(label: str, most: float | None, *, unsaid: str = "no limit") -> ui.number:
    return ui.number(label, value=None, min=0, max=most, placeholder=unsaid)


def _field(make: Callable[[], Any], name: str, *, plain: bool = False) -> Any:
    made = make().props(f'data-testid="field-{name}"')
    return made if plain or isinstance(made, ui.switch) else made.props("dense outlined stack-label")


def _preview(parts: Parts, order: RolloutOrder, found: Preview) -> None:
    with element("section", "ef-card", testid="preview"):
        text("Dry run", tag="h2")
        text(_summary(order, found), testid="preview-summary").style("margin: 4px 0 10px")
        if found.problem:
            text(found.problem, "ef-notice", testid="preview-problem").style("margin-bottom: 10px")
        rows = [
            (
                f"Wave {n}",
                f"{wave.devices:,}",
                words.size(wave.size_bytes),
                words.clock(wave.begins_at) or words.MISSING,
            )
            for n, wave in enumerate(found.waves, 1)
        ]
        if rows:
            listing(("", "Devices", "To fetch, at most", "Not before (UTC)"), rows, testid="preview-waves")
        _blocked(found)
        if found.shares:
            with element("div", "ef-tall").props('tabindex="0" role="region" aria-label="Who gets what"'):
                listing(
                    ("Device", "Wave", "At most", "Bundle"),
                    map(_share, found.shares[:_SHOWN]),
                    testid="preview-devices",
                )
            if found.devices > _SHOWN:
                text(f"and {found.devices - _SHOWN:,} more", "ef-dim")
        with element("div", "ef-buttons"):
            begin = button("Begin", lambda: _begin(parts, order), kind="main", testid="begin")
            if found.problem:
                begin.props("disabled")


def _share(share: Share) -> tuple[Cell, ...]:
    digest = share.digest.removeprefix(PREFIX)[:12]
    return (DeviceLink(share.device), str(share.wave + 1), words.size(share.size_bytes), digest)


def _blocked(found: Preview) -> None:
    if not found.blocked_total:
        return
    with element("div", "ef-notice plain", testid="preview-blocked").style("margin: 10px 0"):
        named = "; ".join(f"{device}: {why}" for device, why in found.blocked[:5])
        more = f"; and {found.blocked_total - 5:,} more" if found.blocked_total > 5 else ""
        text(f"{found.blocked_total:,} cannot take part: {named}{more}")


def _summary(order: RolloutOrder, found: Preview) -> str:
    already = f", {found.already:,} run it already" if found.already else ""
    held = f", {found.held_back:,} held back to compare with" if found.held_back else ""
    ends = f" If nothing fails it ends at {words.clock(found.ends_at)} UTC." if found.ends_at else ""
    return (
        f"{order.release} to {counted(found.devices, 'device')} in {counted(len(found.waves), 'wave')}, "
        f"at most {words.size(found.size_bytes)} to fetch{already}{held}.{ends}"
    )


def counted(count: int, noun: str) -> str:
    """`1 device`, `2 devices`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


async def _begin(parts: Parts, order: RolloutOrder) -> None:
    made = await attempt(acts.create, parts, order, visit())
    if made is not None:
        ui.navigate.to(f"/rollouts/{made.id}")
