"""The card in a bundle: the run's own, and what was measured of this very file. A field without evidence is absent."""

from __future__ import annotations

from contract.manifest import Manifest
from converters.gate import Comparison


def bundle_card(run_card: bytes, manifest: Manifest, comparison: Comparison) -> bytes:
    """Markdown: `run_card` and a section on this artifact."""
    rows = [
        ("Release", manifest.release),
        ("Made for", manifest.profile),
        ("Format", f"{manifest.format}, 8 bits"),
        ("Pictures compared on", f"{comparison.pictures}, held back from training"),
        ("Accuracy before, in floating point", f"{comparison.source_accuracy:.4f}"),
        ("Accuracy of this file", f"{comparison.artifact_accuracy:.4f}"),
        ("Same first answer", f"{comparison.agreement:.4f}"),
        ("Signal to quantisation noise", f"{comparison.sqnr_db:.1f} dB"),
        ("Largest difference of a score", f"{comparison.largest_difference:.4f}"),
    ]
    if manifest.note:
        rows.append(("Note", manifest.note))
    table = "".join(f"| {name} | {value} |\n" for name, value in rows)
    return run_card.rstrip() + f"\n\n## This file\n\n| | |\n|---|---|\n{table}".encode()
