"""Equal runs give equal bundles: on another day, in another place, in another language, on one core.

The long form, ten conversions of one run, is `scripts/bench converters`.
"""

from __future__ import annotations

from pathlib import Path

from contract.digest import digest_of
from scripts.benchmarks._rebuild import SURROUNDINGS, rebuilt


def test_another_date_language_and_core_change_no_byte(
    digits_run: Path, digits_bundles: dict[str, Path], tmp_path: Path
) -> None:
    (again,) = rebuilt(digits_run, tmp_path, SURROUNDINGS[1:2])
    ours = [digits_bundles[profile] for profile in ("jetson-orin-jp6", "rpi4")]
    assert again == {path.name: digest_of(path.read_bytes()) for path in ours}
