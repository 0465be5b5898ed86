"""What a card and a report say about the model a run was trained on from."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from trainer.retraining.replacement import Replacement, S, SetCompared

_SET = {"old": "Old test set: the base's pictures", "new": "New test set: pictures that came in addition"}


def as_markdown(found: Replacement[S] | None) -> Iterator[str]:
    """The card's section; nothing where the run has no base."""
    if found is None:
        return
    yield from ("## Compared with", "")
    yield f"The run it was trained on from: {found.base}, weights `{found.base_weights}`. Verdict: **{found.verdict}**."
    yield from ("", f"Rule: {found.rule}.", "")
    for one in found.sets:
        yield from _set_lines(one)
    yield from (f"- {title}: {_cell(line)}" for title, line in _said(found))
    yield ""


def _set_lines(one: SetCompared) -> Iterator[str]:
    yield f"{_SET[one.name]}. {one.in_words()}"
    rules = ["---", *["---:"] * (len(one.COLUMNS) - 2), "---"]
    yield from ("", f"| {' | '.join(one.COLUMNS)} |", f"|{'|'.join(rules)}|")
    yield from (f"| {' | '.join(map(_cell, row))} |" for row in one.rows())
    yield ""


def as_html(found: Replacement[S] | None) -> str:
    """The report's section, heading included; empty where the run has no base."""
    if found is None:
        return ""
    sets = "".join(f"<p>{_SET[one.name]}. {one.in_words()}</p>{_table(one)}" for one in found.sets)
    said = "".join(f"<p><b>{title}:</b> {escape(line)}</p>" for title, line in _said(found))
    return (
        f"<h2>Compared with {escape(found.base)}</h2><p>Verdict: <b>{found.verdict}</b></p>{said}{sets}"
        f'<p class="faint">Rule: {escape(found.rule)}. Base weights {found.base_weights}.</p>'
    )


def _said(found: Replacement[S]) -> Iterator[tuple[str, str]]:
    for title, lines in (("Refused because", found.reasons), ("In doubt", found.doubts), ("Note", found.notes)):
        yield from ((title, line) for line in lines)


def _table(one: SetCompared) -> str:
    head = "".join(f"<th>{name}</th>" for name in one.COLUMNS)
    rows = "".join(map(_row, one.rows()))
    return f'<div class="sheet"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(cells: tuple[str, ...]) -> str:
    name, *others = map(escape, cells)
    return f"<tr><th>{name}</th>{''.join(f'<td>{cell}</td>' for cell in others)}</tr>"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
