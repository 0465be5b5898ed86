"""What we rely on in python-tuf: the time it is given, the limits it is given, and nobody but the top-level targets."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest
from tuf.api.exceptions import ExpiredMetadataError

from contract.metadata import MOST_BYTES
from edge.vouching.check import Asking, judged, updater_at
from edge.vouching.talk import PINNED, Task, Want, role_of
from tests.edge.tuf_repository import LIFE_S, MAY, TufRepository

FILE = f"{'5a' * 32}.bundle"


@pytest.fixture
def repository(tmp_path: Path) -> TufRepository:
    made = TufRepository(tmp_path / "served")
    made.add(FILE)
    made.publish()
    return made


def task_for(repository: TufRepository, now_s: float) -> Task:
    scratch = repository.folder.with_name("scratch")
    (scratch / "root_history").mkdir(parents=True)
    (scratch / PINNED).write_bytes(repository.pinned.read_bytes())
    return Task(folder=str(scratch), file_name=FILE, now_s=now_s)


class Serving:
    """A folder's files, and what was asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.wants = folder, list[Want]()

    def __call__(self, want: Want) -> bytes | None:
        self.wants.append(want)
        path = self.folder / want.name
        return path.read_bytes() if path.exists() else None


@pytest.mark.parametrize(
    ("now_s", "late"),
    [(0.0, ""), (MAY, ""), (MAY + LIFE_S["timestamp"], "timestamp"), (MAY + LIFE_S["root"], "root")],
)
def test_python_tuf_judges_by_the_time_it_is_given(repository: TufRepository, now_s: float, late: str) -> None:
    """If this fails after an update of python-tuf, see `updater_at`: the device's time must reach it another way."""
    updater = updater_at(task_for(repository, now_s), Asking(Serving(repository.folder)))
    assert updater._trusted_set.reference_time == datetime.fromtimestamp(now_s, timezone.utc)
    if not late:
        updater.refresh()
        return
    with pytest.raises(ExpiredMetadataError, match=f"{late}.json is expired"):
        updater.refresh()


def test_what_is_expired_is_named(repository: TufRepository) -> None:
    verdict = judged(task_for(repository, MAY + LIFE_S["timestamp"]), Serving(repository.folder))
    assert (verdict.problem, [role.name for role in verdict.roles]) == ("expired", ["timestamp"])
    assert verdict.roles[0].expires_s == MAY + LIFE_S["timestamp"]


def test_the_limits_reach_python_tuf(repository: TufRepository) -> None:
    """Where a role's length is signed, that is the limit."""
    serving = Serving(repository.folder)
    assert judged(task_for(repository, MAY), serving).problem == ""
    assert [(want.name, want.at_most_bytes) for want in serving.wants] == [
        ("2.root.json", MOST_BYTES["root"]),
        ("timestamp.json", MOST_BYTES["timestamp"]),
        ("2.snapshot.json", repository.path("snapshot").stat().st_size),
        ("2.targets.json", repository.path("targets").stat().st_size),
    ]


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("timestamp.json", "timestamp"),
        ("12.root.json", "root"),
        ("../root.json", None),
        ("1.helper.json", None),
        # Versions may grow with the clock.
        ("1795649156.snapshot.json", "snapshot"),
        ("9999999999999999.root.json", None),
        ("root.json\n", None),
        ("", None),
    ],
)
def test_a_file_is_one_of_four_roles(name: str, role: str | None) -> None:
    assert role_of(name) == role


def test_a_duplicate_key_cannot_make_the_checks_read_another_document(repository: TufRepository) -> None:
    """The signature is over what python-tuf parsed; every number we use comes from the same parse."""
    path = repository.path("timestamp")
    path.write_bytes(path.read_bytes().replace(b'"signed":{', b'"signed":{"expires":"2099-01-01T00:00:00Z",', 1))
    verdict = judged(task_for(repository, MAY), Serving(repository.folder))
    assert [role.expires_s for role in verdict.roles if role.name == "timestamp"] == [MAY + LIFE_S["timestamp"]]


def test_the_agents_side_does_not_import_python_tuf() -> None:
    code = "import json, sys, edge.metadata; print(json.dumps(sorted(m.split('.')[0] for m in sys.modules)))"
    loaded = json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout)
    assert not {"tuf", "securesystemslib", "urllib3"} & set(loaded)
