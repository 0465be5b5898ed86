"""Mistakes and what the model looked at when it made them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from html import escape

from trainer.record import Mistake


def mistakes(shown: Sequence[Mistake], split: str = "test split") -> str:
    """The surest mistakes first."""
    if not shown:
        return f"<h2>Mistakes, the surest first</h2><p>None on the {escape(split)}.</p>"
    return f"<h2>Mistakes, the surest first</h2>{_pictures(shown)}{_legend(shown)}"


def right(shown: Sequence[Mistake]) -> str:
    """Some answered rightly, for comparison; nothing without what the model looked at."""
    if not any(one.saliency for one in shown):
        return ""
    return f"<h2>Rightly answered, the surest of some classes</h2>{_pictures(shown)}"


def _pictures(shown: Sequence[Mistake]) -> str:
    return f'<div class="mistakes">{"".join(map(_figure, shown))}</div>'


def _figure(one: Mistake) -> str:
    looked = f'<img alt="where evidence lay" src="{_address(one.saliency)}">' if one.saliency else ""
    said = f"<b>{escape(one.answer)}</b> {one.score:.0%}"
    if one.answer != one.truth:
        said += f", is <b>{escape(one.truth)}</b>"
    return (
        f'<figure><img alt="{escape(one.name)}" src="{_address(one.png)}">{looked}{said}<br>'
        f'<span class="faint">{escape(one.name)}</span></figure>'
    )


def _legend(shown: Sequence[Mistake]) -> str:
    if not any(one.saliency for one in shown):
        return ""
    return (
        '<p class="faint">The second picture glows where the last feature map spoke for the answer (Grad-CAM): as '
        "coarse as that map, and no proof of a reason.</p>"
    )


def _address(png: bytes) -> str:
    return f"data:image/png;base64,{b64encode(png).decode()}"
