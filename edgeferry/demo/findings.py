"""What the demo measured, and the checks it must pass: data and pure functions."""

from __future__ import annotations

from msgspec import Struct, field


class Accuracy(Struct, frozen=True, kw_only=True):
    """Of the good model on the same held-back pictures."""

    source: float = field(name="float")
    """Of the floating-point model."""
    tflite_int8: float
    onnx_int8: float


class BundleFact(Struct, frozen=True, kw_only=True):
    """One bundle of the good release."""

    profile: str
    format: str
    bytes: int


class DeviceFact(Struct, frozen=True, kw_only=True):
    """How one device fared."""

    id: str
    frames: int
    final_model: str
    good_update: str
    bad_update: str
    cause: str | None


class Traffic(Struct, frozen=True, kw_only=True):
    """Messages the devices numbered, and messages the fleet holds."""

    sent: int
    stored: int


class Page(Struct, frozen=True, kw_only=True):
    """Where to look, and how old a reading is when the page can show it."""

    url: str
    delay_s: float


class Check(Struct, frozen=True, kw_only=True):
    """One promise and whether it held."""

    name: str
    ok: bool
    found: str


class Findings(Struct, frozen=True, kw_only=True):
    """Everything, as `--json` prints it."""

    ok: bool
    seconds: float
    accuracy: Accuracy
    bundles: tuple[BundleFact, ...]
    devices: tuple[DeviceFact, ...]
    telemetry: Traffic
    page: Page
    broker: str
    checks: tuple[Check, ...]


ACCURACY_DROP = 0.02
DELAY_S = 2.0


def checks(
    accuracy: Accuracy, devices: tuple[DeviceFact, ...], telemetry: Traffic, page: Page, good_model: str
) -> tuple[Check, ...]:
    """Every promise of the demo against what was measured."""
    lowest = min(accuracy.tflite_int8, accuracy.onnx_int8)
    stories = {(d.good_update, d.bad_update, d.cause) for d in devices}
    kept = all(d.bad_update in ("refused", "rolled_back") and d.cause for d in devices)
    return (
        Check(
            name="int8 within 2 points of float",
            ok=lowest >= accuracy.source - ACCURACY_DROP,
            found=f"float {accuracy.source:.4f}, lowest int8 {lowest:.4f}",
        ),
        Check(
            name="every device inferred", ok=all(d.frames > 0 for d in devices), found=str([d.frames for d in devices])
        ),
        Check(
            name="good update committed everywhere",
            ok=all(d.good_update == "committed" for d in devices),
            found=str(sorted({d.good_update for d in devices})),
        ),
        Check(
            name="bad update refused or rolled back everywhere, with its cause",
            ok=kept,
            found=str(sorted(map(str, stories))),
        ),
        Check(
            name="every device ends on the good model",
            ok=all(d.final_model == good_model for d in devices),
            found=str(sorted({d.final_model for d in devices})),
        ),
        Check(
            name="sent equals stored",
            ok=telemetry.sent == telemetry.stored > 0,
            found=f"sent {telemetry.sent}, stored {telemetry.stored}",
        ),
        Check(name="a reading shows within 2 s", ok=page.delay_s <= DELAY_S, found=f"{page.delay_s:.2f} s"),
    )
