"""The headline figures, each with the interval that says how far to trust it."""

from __future__ import annotations

from trainer.measurement.measures import Evaluation, Ranged

_NAMES = {
    "accuracy": "accuracy", "macro_f1": "macro-F1", "auroc": "AUROC, one against the rest",
    "average_precision": "average precision", "top2": "true class among the first 2", "top3": "among the first 3",
    "top5": "among the first 5", "log_loss": "log loss", "brier": "Brier score",
}  # fmt: skip
_AMOUNTS = ("auroc", "average_precision", "log_loss", "brier")


def figures(evaluation: Evaluation) -> str:
    """Cells with value, meaning and interval."""
    found = {name: evaluation.figures[name] for name in _NAMES if name in evaluation.figures}
    cells = [_cell(figure, _NAMES[name], share=name not in _AMOUNTS) for name, figure in found.items()]
    cells.append(_cell(evaluation.calibration.ece, "calibration error (ECE)", share=False))
    return f'<div class="figures">{"".join(cells)}</div>{_note(evaluation)}'


def written(figure: Ranged | None, *, share: bool = True) -> str:
    """A figure with its interval in a line; a dash for None."""
    if figure is None:
        return "-"
    value = f"{figure.value:.1%}" if share else f"{figure.value:.4f}"
    return f"{value} <span class='faint'>{interval(figure, share=share)}</span>"


def interval(figure: Ranged, *, share: bool = True) -> str:
    """`93.1 to 97.8 %`, or nothing where there is none."""
    if figure.low is None or figure.high is None:
        return ""
    if share:
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f} %"
    return f"{figure.low:.4f} to {figure.high:.4f}"


def _cell(figure: Ranged, meaning: str, *, share: bool) -> str:
    value = f"{figure.value:.1%}" if share else f"{figure.value:.4f}"
    return f'<div><b>{value}</b><span class="faint">{meaning}<br>{interval(figure, share=share)}</span></div>'


def _note(evaluation: Evaluation) -> str:
    drawn = "pictures" if evaluation.groups is None else f"{evaluation.groups} groups of pictures"
    return (
        f'<p class="faint">{evaluation.pictures} pictures; 95 % intervals by {evaluation.resamples} bootstrap '
        f"resamples of {drawn}, seed {evaluation.seed}.</p>"
    )
