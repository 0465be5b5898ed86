"""The card in a bundle: the source's own, and what was measured of this very file.

A field without evidence is absent, but for the comparison itself: that nothing was compared must be seen.
"""

from __future__ import annotations

from contract.manifest import Manifest
from converters.evidence import evidence_sheet
from converters.verdict import Verdict


def bundle_card(source_card: bytes, manifest: Manifest, recipe: str, verdict: Verdict) -> bytes:
    """Markdown: `source_card` and a section on this artifact."""
    rows = [("Release", manifest.release), ("Made for", manifest.profile), ("Stored as", recipe)]
    rows += evidence_sheet(verdict)
    if manifest.note:
        rows.append(("Note", manifest.note))
    table = "".join(f"| {name} | {value} |\n" for name, value in rows)
    head = source_card.rstrip() or f"# {manifest.name}".encode()
    return head + f"\n\n## This file\n\n| | |\n|---|---|\n{table}".encode()
