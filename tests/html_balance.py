"""Whether a page of ours is well formed, and what it is made of."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Remembers elements that were opened and not closed in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
