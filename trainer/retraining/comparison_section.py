"""What a card and a report say about the model a run was trained on from."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from trainer.retraining.replacement import Part, Replacement, SetCompared

_SET = {"old": "Old test set: the base's pictures", "new": "New test set: pictures that came in addition"}


def as_markdown(found: Replacement | None) -> Iterator[str]:
    """The card's section; nothing where the run has no base."""
    if found is None:
        return
    yield from ("## Compared with", "")
    yield f"The run it was trained on from: {found.base}, weights `{found.base_weights}`. Verdict: **{found.verdict}**."
    yield from ("", f"Rule: {found.rule}.", "")
    for one in found.sets:
        yield from _set_lines(one)
    for title, lines in (("Refused because", found.reasons), ("In doubt", found.doubts), ("Note", found.notes)):
        yield from (f"- {title}: {_cell(line)}" for line in lines)
    yield ""


def _set_lines(one: SetCompared) -> Iterator[str]:
    yield f"{_SET[one.name]}. {_whole(one)}"
    yield from ("", "| part | pictures | before | after | lost | won | finding |", "|---|---:|---:|---:|---:|---:|---|")
    for part in one.parts:
        cells = (_cell(part.name), part.pictures, *_shares(part), part.lost, part.won, part.finding)
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""


def as_html(found: Replacement | None) -> str:
    """The report's section, heading included; empty where the run has no base."""
    if found is None:
        return ""
    sets = "".join(
        f'<p>{_SET[one.name]}. {_whole(one)}</p><div class="sheet"><table><thead><tr><th>part</th><th>pictures</th>'
        f"<th>before</th><th>after</th><th>lost</th><th>won</th><th>finding</th></tr></thead><tbody>"
        f"{''.join(map(_row, one.parts))}</tbody></table></div>"
        for one in found.sets
    )
    said = "".join(
        f"<p><b>{title}:</b> {escape(line)}</p>"
        for title, lines in (("Refused because", found.reasons), ("In doubt", found.doubts), ("Note", found.notes))
        for line in lines
    )
    return (
        f"<h2>Compared with {escape(found.base)}</h2><p>Verdict: <b>{found.verdict}</b></p>{said}{sets}"
        f'<p class="faint">Rule: {escape(found.rule)}. Base weights {found.base_weights}.</p>'
    )


def _row(part: Part) -> str:
    before, after = _shares(part)
    return (
        f"<tr><th>{escape(part.name)}</th><td>{part.pictures}</td><td>{before}</td><td>{after}</td>"
        f"<td>{part.lost}</td><td>{part.won}</td><td>{part.finding}</td></tr>"
    )


def _whole(one: SetCompared) -> str:
    accuracy, (low, high) = one.whole.accuracy, one.whole.accuracy.interval
    return (
        f"{one.whole.pictures} pictures: accuracy {accuracy.a:.2%} before, {accuracy.b:.2%} after, difference "
        f"{accuracy.difference:+.2%} (95 %: {low:+.2%} to {high:+.2%}), churn {one.whole.churn:.2%}, "
        f"McNemar p {one.whole.mcnemar_p:.2g}"
    )


def _shares(part: Part) -> tuple[str, str]:
    return f"{part.before:.1%}", f"{part.after:.1%}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
