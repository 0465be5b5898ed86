"""What has been heard as findings and sentences an operator understands."""

from __future__ import annotations

import math

from msgspec import structs

from fleet.judging.court import Allowed, Failures, Hearing, Silence, Tally, bounds
from fleet.judging.metrics import METRICS
from fleet.judging.verdicts import Finding, Verdict
from fleet.judging.wealth import shown


def pronounce(hearing: Hearing, allowed: Allowed, *, new: str, old: str, pending: int = 0) -> Verdict:
    """The verdict on what has been heard; `new` and `old` name the models, as `digits@2`."""
    bound = bounds(allowed)
    findings = [_failures(hearing.failures, allowed, bound["failures"], new)] if hearing.failures.told else []
    findings += [_silence(int(look), heard, allowed, bound["silence"], new) for look, heard in hearing.silence.items()]
    findings += [
        _readings(key, tally, allowed, bound["readings"], new, old)
        for key, tally in hearing.tallies.items()
        if tally.ranks.heard
    ]
    findings.sort(key=lambda finding: finding.statistic / finding.bound, reverse=True)
    guilty = next((finding for finding in findings if finding.guilty), None)
    if guilty is not None:
        return Verdict(halt=True, cause=guilty.metric, detail=guilty.words, findings=tuple(findings), pending=pending)
    return Verdict(halt=False, detail=_calm(findings, pending), findings=tuple(findings), pending=pending)


def _calm(findings: list[Finding], pending: int) -> str:
    waiting = f"; {_devices(pending)} not long enough on the new model to be compared" if pending else ""
    if not findings:
        return f"nothing to compare yet{waiting}"
    compared = max(finding.devices_canary for finding in findings)
    return f"nothing speaks against going on, from {_devices(compared)} on the new model{waiting}"


def _failures(heard: Failures, allowed: Allowed, bound: float, new: str) -> Finding:
    said = f"{heard.failed} of {_devices(heard.told)} told to take {new} failed"
    share = heard.failed / heard.told
    finding = Finding(
        metric="failures",
        control=None,
        canary=share,
        statistic=shown(heard.peak),
        bound=bound,
        devices_control=0,
        devices_canary=heard.told,
    )
    return _worded(finding, said, f"the {_percent(allowed.failures or 0.0)} allowed")


def _silence(look: int, heard: Silence, allowed: Allowed, bound: float, new: str) -> Finding:
    after_s = allowed.looks_s[look]
    share, beside = heard.gone / heard.canaries, heard.controls_gone / heard.controls if heard.controls else None
    said = (
        f"{heard.gone} of {_devices(heard.canaries)} that began to take {new} were gone {_time(after_s)} later, "
        f"against {heard.controls_gone} of {_devices(heard.controls)} not told"
    )
    finding = Finding(
        metric="silence",
        control=beside,
        canary=share,
        statistic=shown(heard.peak),
        bound=bound,
        devices_control=heard.controls,
        devices_canary=heard.canaries,
        after_s=after_s,
    )
    return _worded(finding, said, f"the {_percent(allowed.silence or 0.0)} allowed above these")


def _readings(key: str, tally: Tally, allowed: Allowed, bound: float, new: str, old: str) -> Finding:
    place, name = key.split(":")
    metric, after_s, n = METRICS[name], allowed.looks_s[int(place)], tally.ranks.heard
    canary, control = _told(name, tally.canary_sum / n), _told(name, tally.control_sum / n)
    said = (
        f"{metric.words} {_shown(name, canary)} on {_devices(n)} on {new} against {_shown(name, control)} on "
        f"{tally.controls} on {old}, {_time(after_s)} after the switch"
    )
    finding = Finding(
        metric=name,
        control=control,
        canary=canary,
        statistic=shown(tally.peak),
        bound=bound,
        devices_control=tally.controls,
        devices_canary=n,
        after_s=after_s,
    )
    limit = getattr(allowed, name)
    return _worded(finding, said, f"the {_shown(name, -limit if metric.falls else limit)} allowed")


def _worded(finding: Finding, said: str, limit: str) -> Finding:
    sure = f"surely beyond {limit}" if finding.guilty else f"not surely beyond {limit}"
    return structs.replace(finding, words=f"{said}; {sure}")


def _told(name: str, change: float) -> float:
    """A change as people say it: signed by where the number went, growth as a share."""
    if METRICS[name].kind == "ratio":
        return math.expm1(min(change, 700.0))
    return -change if METRICS[name].falls else change


def _shown(name: str, value: float) -> str:
    metric = METRICS[name]
    if name == "rate" or metric.kind == "ratio":
        return f"{value * 100:+.0f} %"
    if metric.kind == "share":
        return f"{value * 100:+.1f} points"
    return f"{value:+.2g} {metric.unit}"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _time(seconds: float) -> str:
    return f"{seconds / 60:g} min"


def _devices(count: int) -> str:
    return f"{count} device" if count == 1 else f"{count} devices"
