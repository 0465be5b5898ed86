"""`--report`: what was found, to look at; one page with nothing to load from anywhere, no script, light and dark.

Its size is bounded whatever the set's: so many pictures a finding, so many pages' worth of names. The complete lists
are in `--json`. Names come from folders somebody made, so every one of them is escaped.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from html import escape
from importlib import resources

from trainer.check import Checked, Examination
from trainer.checks.finding import Finding, Named
from trainer.checks.shown_pictures import ShownPictures

SHOWN = 18
"""Pictures of one finding, or half as many pairs."""
_OF_A_GROUP = 4
"""Pictures of one group."""
_MANY = 40
"""Classes above which a table of counts is cut: the largest and the smallest are what matters."""
_BOXED = frozenset(
    ("odd-boxes", "boxes-outside", "tiny-boxes", "huge-boxes", "duplicate-boxes", "boxes-of-two-labels", "crowded")
)


def page(examined: Examination) -> str:
    """The page."""
    checked = examined.checked
    files = resources.files("trainer")
    style = files.joinpath("report.css").read_text() + files.joinpath("checks", "page.css").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(checked.path)}: dataset check</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(examined))}</main></body></html>\n"
    )


def _sections(examined: Examination) -> Iterator[str]:
    checked = examined.checked
    yield _head(checked)
    yield _strip(checked.findings)
    shown = ShownPictures(examined.seen.origin.pictures)
    for number, finding in enumerate(checked.findings):
        yield _finding(number, finding, shown)
    if checked.not_judged:
        yield "<h2>Not judged</h2>" + "".join(f"<p>{escape(each)}</p>" for each in checked.not_judged)
    yield "<h2>Pictures by split and class</h2>" + _counts(checked.splits, checked.labels)
    if checked.boxes:
        yield "<h2>Boxes by split and class</h2>" + _counts(checked.boxes, checked.labels)


def _head(checked: Checked) -> str:
    errors = sum(finding.severity == "error" for finding in checked.findings)
    sizes = ["{}x{}".format(*size) for size in (checked.smallest_wh, checked.largest_wh) if size]
    figures = (
        (f"{checked.pictures:,}", "pictures"),
        (f"{len(checked.labels):,}", "classes"),
        (str(errors), "to mend before training"),
        (str(len(checked.findings) - errors), "to look at"),
        (" to ".join(dict.fromkeys(sizes)) or "none", "pixels, smallest to largest"),
    )
    cells = "".join(f'<div><b>{value}</b><span class="faint">{meaning}</span></div>' for value, meaning in figures)
    return f'<h1>{escape(checked.path)}</h1><p class="faint">dataset check</p><div class="figures">{cells}</div>'


def _strip(findings: Sequence[Finding]) -> str:
    """One field a finding, errors first, and what they are below it."""
    if not findings:
        return '<div class="strip"><a class="fine">nothing to mend</a></div>'
    fields = "".join(
        f'<a class="{finding.severity}" href="#f{number}" title="{escape(finding.what)}">{finding.count}</a>'
        for number, finding in enumerate(findings)
    )
    names = "".join(
        f'<li><a href="#f{number}">{finding.kind.replace("-", " ")}</a> '
        f'<span class="faint">{finding.count:,}</span></li>'
        for number, finding in enumerate(findings)
    )
    return f'<div class="strip">{fields}</div><ol class="contents">{names}</ol>'


def _finding(number: int, finding: Finding, shown: ShownPictures) -> str:
    head = (
        f'<h2 id="f{number}"><span class="tag {finding.severity}">{finding.severity}</span>'
        f"{escape(finding.what)} ({finding.count:,})</h2><p>{escape(finding.fix)}</p>"
    )
    if not finding.pictures:
        return head + "".join(
            f'<p class="faint">{escape(line)}</p>' for line in (finding.notes or finding.examples)[:SHOWN]
        )
    figures = list(_figures(finding, shown))
    more = len(finding.pictures) - len(figures)
    pairs = " pairs" if any(not isinstance(name, str) for name in finding.pictures) else ""
    rest = f'<p class="faint">and {more:,} more: see --json</p>' if more > 0 else ""
    return f'{head}<div class="shown{pairs}">{"".join(figures)}</div>{rest}'


def _figures(finding: Finding, shown: ShownPictures) -> Iterator[str]:
    limit = SHOWN if all(isinstance(name, str) for name in finding.pictures) else SHOWN // 2
    for position, name in enumerate(finding.pictures[:limit]):
        note = escape(finding.notes[position]) if finding.notes else ""
        caption = f"<b>{note}</b>" if note else ""
        yield f"<figure>{_side_by_side(name, finding, position, shown)}{caption}</figure>"


def _side_by_side(name: Named, finding: Finding, position: int, shown: ShownPictures) -> str:
    names = (name,) if isinstance(name, str) else name
    cells = "".join(
        f'<div>{_image(one, finding, position, shown)}<span class="faint">{escape(one)}</span></div>'
        for one in names[:_OF_A_GROUP]
    )
    more = f'<span class="faint">and {len(names) - _OF_A_GROUP} more</span>' if len(names) > _OF_A_GROUP else ""
    return f'<div class="side">{cells}</div>{more}'


def _image(name: str, finding: Finding, position: int, shown: ShownPictures) -> str:
    marked = [box for box in finding.boxes if box.picture == name]
    if finding.suspects and (suspect := finding.suspects[position]).box is not None:
        found = shown.with_boxes(name, [suspect.as_marked()])
    else:
        found = shown.with_boxes(name, marked) if finding.kind in _BOXED else shown.plain(name)
    if found is None:
        return ""
    jpeg, tiny = found
    css = ' class="tiny"' if tiny else ""
    return f'<img{css} alt="{escape(name)}" src="data:image/jpeg;base64,{b64encode(jpeg).decode()}">'


def _counts(counts: dict[str, dict[str, int]], labels: Sequence[str]) -> str:
    total = {label: sum(split[label] for split in counts.values()) for label in labels}
    order = sorted(labels, key=lambda label: -total[label]) if len(labels) > _MANY else list(labels)
    chosen = [*order[: _MANY // 2], *order[-_MANY // 2 :]] if len(labels) > _MANY else order
    head = "".join(f"<th>{escape(split)}</th>" for split in counts)
    rows = "".join(
        f"<tr><th>{escape(label)}</th>{''.join(f'<td>{split[label]:,}</td>' for split in counts.values())}"
        f"<td>{total[label]:,}</td></tr>"
        for label in chosen
    )
    left = f'<p class="faint">The largest and smallest of {len(labels)} classes.</p>' if chosen != order else ""
    return (
        f'<div class="sheet"><table><thead><tr><th>class</th>{head}<th>all</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>{left}"
    )
