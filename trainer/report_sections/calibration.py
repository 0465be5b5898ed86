"""Whether a score of 80 % is right in 80 % of cases."""

from __future__ import annotations

from trainer.measurement.evaluation_charts import reliability_diagram
from trainer.measurement.measures import Calibration
from trainer.report_sections.figures import written


def calibration(found: Calibration) -> str:
    """Reliability diagrams before and after temperature scaling, and the figures beside them."""
    charts = reliability_diagram("Scores as they are", found.bins)
    if found.calibrated_bins:
        charts += reliability_diagram(f"At temperature {found.temperature:.2f}", found.calibrated_bins)
    return f'<h2>How sure, and how often right</h2><div class="charts">{charts}</div>{_words(found)}'


def _words(found: Calibration) -> str:
    said = (
        f"<p>Calibration error {written(found.ece, share=False)}; perfectly calibrated scores would show "
        f"{found.ece_by_chance:.3f} on so few pictures.</p>"
    )
    if found.temperature is None:
        return said + '<p class="faint">No validation pictures to fit a temperature on.</p>'
    how = "too sure" if found.temperature > 1.0 else "less sure than it could be"
    said += (
        f"<p>At temperature {found.temperature:.3f}, fitted on {found.fitted_on} validation pictures (the model is "
        f"{how}): {written(found.calibrated_ece, share=False)}"
    )
    if found.calibrated_ece_by_chance is not None:
        said += f"; {found.calibrated_ece_by_chance:.3f} by chance"
    return said + f". Log loss then {written(found.calibrated_log_loss, share=False)}.</p>"
