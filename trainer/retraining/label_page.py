"""`label.html`: a page a person labels pictures with, from the folder it lies in and without any network.

One picture large, the classes as numbered keys, arrows to move. What was said is kept in the browser until it is
exported as `labels.csv`, which belongs into this folder. Names come from strangers' files: they travel as JSON inside
the page, with `<` escaped, and reach the document as text alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING

from contract.codec import to_json

if TYPE_CHECKING:
    from trainer.retraining.labelling import Guessed

PAGE_LIMIT = 500
"""Pictures of one page: about an hour's work, and what a browser holds as small pictures without effort."""


def page_name(number: int) -> str:
    """`label.html`, `label-2.html`, …"""
    return "label.html" if number == 1 else f"label-{number}.html"


def labels_name(number: int) -> str:
    """What page `number` exports."""
    return "labels.csv" if number == 1 else f"labels-{number}.csv"


def label_page(pictures: Sequence[Guessed], labels: Sequence[str], *, title: str, number: int, pages: int) -> str:
    """The page of `pictures`, which lie beside it; `labels` are what can be said with a key."""
    data = {
        "labels": list(labels),
        "export": labels_name(number),
        "pictures": [
            {
                "path": one.path,
                "guess": one.guess.label,
                "score": round(one.guess.score, 3),
                "unsure": one.guess.unsure,
                "told": f"{one.frame.device} {one.frame.source} {one.frame.moment} {one.frame.why}",
            }
            for one in pictures
        ],
    }
    style = resources.files("trainer.retraining").joinpath("label_page.css").read_text(encoding="utf-8")
    script = resources.files("trainer.retraining").joinpath("label_page.js").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}: label</title><style>{style}</style></head><body>"
        f"<header><h1>{escape(title)}</h1>{_links(number, pages)}<span id=said></span>"
        "<button id=export>Export labels</button></header>"
        "<main><figure><img id=picture alt=picture><figcaption id=told></figcaption></figure>"
        "<section><p id=now></p><ol id=classes></ol>"
        "<p><input id=other placeholder='another class'><button id=add>Add</button></p>"
        "<p class=faint>0-9 a class (the second ten with Shift) · Enter: the guess is right · "
        "x: of no use · Backspace: take back · ← → move · n: next without a label</p></section></main>"
        "<nav id=strip></nav>"
        f'<script type="application/json" id="data">{_inert(to_json(data).decode())}</script>'
        f"<script>{script}</script></body></html>\n"
    )


def _links(number: int, pages: int) -> str:
    """To the other pages."""
    if pages == 1:
        return ""
    links = (
        f"<b>{other}</b>" if other == number else f'<a href="{page_name(other)}">{other}</a>'
        for other in range(1, pages + 1)
    )
    return f"<span>{' '.join(links)}</span>"


def _inert(text: str) -> str:
    """JSON that cannot end its script element: `<` is spelled as JSON allows."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
