"""`edgeferry evaluate --report`: the evaluation of a run or a bundle as one page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from contract.errors import ConfigError
from trainer.measurement.appraisal import Scored
from trainer.measurement.classifiers import Classifier, RunClassifier
from trainer.measurement.mistakes import worst_mistakes
from trainer.record import Mistake
from trainer.report_sections import looks
from trainer.report_sections.evaluated import evaluated as sections_of
from trainer.report_sections.figures import figures
from trainer.report_sections.goals import goals

if TYPE_CHECKING:
    from trainer.measurement.evaluating import Evaluated

_HELD_BACK = {True: "held back from training", False: "trained on", None: "perhaps trained on: nobody can know"}


@dataclass(frozen=True, slots=True)
class Shown:
    """Pictures of the page."""

    mistakes: Sequence[Mistake]
    right: Sequence[Mistake] = ()


def pictures_to_show(model: Classifier, test: Scored) -> Shown:
    """The surest mistakes; of a run with what it looked at, and with some right answers beside them."""
    colour = model.preprocessing.colour
    wrong = worst_mistakes(test.pictures, test.scores, model.labels, colour=colour)
    if not isinstance(model, RunClassifier):
        return Shown(wrong)
    network = model.keras_model()
    from trainer.measurement.saliency import surest_right, with_saliency

    right = surest_right(test.pictures, test.scores, model.labels, colour=colour)
    looked = (
        with_saliency(network, test.pictures, shown, model.labels, model.preprocessing) for shown in (wrong, right)
    )
    return Shown(*looked)


def write_page(path: Path, evaluated: Evaluated, shown: Shown) -> None:
    """Write the page; ConfigError where that cannot be done."""
    try:
        path.write_text(page(evaluated, shown), encoding="utf-8")
    except OSError as problem:
        raise ConfigError(
            f"the report cannot be written: {problem.strerror}", where=str(path), fix="Choose another --report."
        ) from problem


def page(evaluated: Evaluated, shown: Shown) -> str:
    """The page."""
    style = resources.files("trainer").joinpath("report.css").read_text()
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(evaluated.release)}: evaluation</title><style>{style}</style></head>"
        f"<body><main>{''.join(_sections(evaluated, shown))}</main></body></html>\n"
    )


def _sections(evaluated: Evaluated, shown: Shown) -> Iterator[str]:
    evaluation = evaluated.evaluation
    yield (
        f'<h1>{escape(evaluated.release)}</h1><p class="faint">{evaluated.kind} on {escape(evaluated.data)}, '
        f"{evaluated.split}: {evaluation.pictures} pictures, {_HELD_BACK[evaluated.held_back]}</p>"
    )
    yield goals(evaluation.goals)
    yield figures(evaluation)
    yield from sections_of(evaluation, evaluated.scores)
    yield looks.mistakes(shown.mistakes, evaluated.split)
    yield looks.right(shown.right)
