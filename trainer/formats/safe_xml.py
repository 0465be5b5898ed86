"""XML from strangers: one tree with line numbers, and nothing a document type can do.

expat is driven by hand so that `<!DOCTYPE` is refused where it begins: without it there are no entities to expand, no
files to include and no addresses to fetch. What is left is elements, attributes and text.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from contract.errors import DataError
from trainer.formats.marked import bytes_of

_MOST_BYTES = 1 << 24
"""A label file of one picture has some kilobytes."""


@dataclass(slots=True)
class Node:
    """One element."""

    tag: str
    line: int
    text: str = ""
    children: list[Node] = field(default_factory=list)

    def all(self, tag: str) -> list[Node]:
        """The children called `tag`."""
        return [child for child in self.children if child.tag == tag]

    def find(self, tag: str) -> Node | None:
        """The first child called `tag`."""
        return next((child for child in self.children if child.tag == tag), None)

    def said(self, tag: str) -> str:
        """The text of the first child called `tag`, or nothing."""
        child = self.find(tag)
        return child.text.strip() if child else ""


def read_xml(file: Path) -> Node:
    """The root element of `file`; DataError with the line where it is no XML or has a document type."""
    data = bytes_of(file)
    if len(data) > _MOST_BYTES:
        raise DataError(f"the label file has {len(data):,} bytes", where=str(file), fix="Write one file a picture.")
    parser = expat.ParserCreate()
    parser.buffer_text = True
    top = Node("", 0)
    open_nodes = [top]

    def start(tag: str, _: dict[str, str]) -> None:
        node = Node(tag, parser.CurrentLineNumber)
        open_nodes[-1].children.append(node)
        open_nodes.append(node)

    def characters(text: str) -> None:
        open_nodes[-1].text += text

    def doctype(*_: object) -> None:
        raise DataError(
            "the label file has a document type, which could define entities",
            where=f"{file}:{parser.CurrentLineNumber}",
            fix="Take the <!DOCTYPE …> out.",
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda _: open_nodes.pop()
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as problem:  # ValueError, LookupError: an encoding it has not
        line = getattr(problem, "lineno", parser.CurrentLineNumber)
        why = expat.ErrorString(problem.code) if isinstance(problem, expat.ExpatError) else str(problem)
        raise DataError(
            f"the label file is no whole XML: {why}", where=f"{file}:{line}", fix="Write it anew, as UTF-8."
        ) from problem
    return top.children[0]
