"""How an assigned bundle's file comes onto this device: vouched for, then fetched, whole or as a difference.

Nothing that serves is touched here. Who vouches is `edge/metadata.py`'s matter, the wire `edge/download.py`'s, what it
may cost `edge/budget.py`'s, the difference `edge/delta.py`'s; what becomes of the file, `edge/updater.py`'s.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from contract.delta import DeltaError
from contract.digest import hex_of
from contract.manifest import Digest
from contract.messages import Assignment, DeltaOffer
from contract.moments import unix_s
from edge.budget import Allowance, Budget
from edge.clock import FleetClock
from edge.deadline import Deadline
from edge.delta import apply_delta
from edge.download import DownloadError, Wanted, fetch, still_missing
from edge.durable import Disk, disk_error
from edge.metadata import MetadataError, Repository

log = logging.getLogger(__name__)

FOLDER = "downloads"
SlotFolder = Callable[[Digest], "Path | None"]
"""Where an installed bundle lies unpacked; None for one that is not held."""


class Supply:
    """Files for assignments, in one state folder. For one thread."""

    def __init__(
        self,
        state_dir: Path,
        disk: Disk,
        budget: Budget,
        *,
        repository: Repository | None = None,
        ca_file: str | None = None,
        clock: FleetClock | None = None,
    ) -> None:
        """Without a repository the fleet's and the publisher's signatures are all that counts."""
        self._folder, self._disk, self._budget = state_dir / FOLDER, disk, budget
        self._repository, self._ca_file, self._clock = repository, ca_file, clock

    def vouched_floor(self, assignment: Assignment, metadata: str | Path, deadline: Deadline) -> int:
        """The security floor of the repository, which vouches for the bundle; 0 where no root is pinned.

        `metadata` is where its metadata lies. MetadataError, ExpiredError, BudgetError, DiskError, DeadlineError.
        """
        if self._repository is None:
            return 0
        if not metadata:
            raise MetadataError(
                "a root is pinned here, and nothing says where the repository's metadata lies",
                where="assignment",
                fix="Start the fleet server with the repository's metadata (fleet serve --metadata).",
            )
        file_name = f"{hex_of(assignment.digest)}.bundle"
        with self._spending(assignment) as allowance:
            vouch = self._repository.vouch(
                file_name, metadata, deadline=deadline, spend=allowance, issued_s=_issued_s(assignment)
            )
        if vouch.size_bytes != assignment.size_bytes:
            raise MetadataError(
                f"{assignment.size_bytes} bytes were assigned, and the repository vouches for {vouch.size_bytes}",
                where=str(metadata),
                fix="Release the bundle anew and assign that.",
            )
        return vouch.security_floor

    def bundle(self, assignment: Assignment, folder_of: SlotFolder, deadline: Deadline) -> Path:
        """The assigned bundle's file, of the assigned digest and size.

        DownloadError, DeltaError, BudgetError, DiskError or DeadlineError. A delta that fails is followed by the whole
        bundle only where the assignment says so.
        """
        self._make_folder()
        with self._spending(assignment) as allowance:
            if assignment.delta is None:
                return self._whole(assignment, allowance, deadline)
            try:
                return self._by_delta(assignment, assignment.delta, folder_of, allowance, deadline)
            except (DeltaError, DownloadError) as problem:
                if not assignment.whole_if_delta_fails:
                    raise
                log.warning("the delta is of no use, fetching the whole bundle as the assignment allows: %s", problem)
            return self._whole(assignment, allowance, deadline)

    def used_up(self) -> None:
        """The bundle is installed, or refused: nothing that was fetched is needed any more. DiskError."""
        self._keep_only(())

    def _whole(self, assignment: Assignment, allowance: Allowance, deadline: Deadline) -> Path:
        return self._fetched(Wanted(assignment.url, assignment.digest, assignment.size_bytes), allowance, deadline)

    def _by_delta(
        self, assignment: Assignment, delta: DeltaOffer, folder_of: SlotFolder, allowance: Allowance, deadline: Deadline
    ) -> Path:
        base = folder_of(delta.base)
        if base is None:
            raise DeltaError(
                f"it starts from {delta.base[:19]}…, which this device does not hold",
                where=delta.url,
                fix="Assign the whole bundle, or a delta from one that the device says it holds.",
            )
        log.info("fetching a delta of %d bytes instead of %d", delta.size_bytes, assignment.size_bytes)
        file = self._fetched(Wanted(delta.url, delta.digest, delta.size_bytes), allowance, deadline)
        out = self._folder / f"{hex_of(assignment.digest)}.bundle"
        apply_delta(file, base, out, disk=self._disk, check=deadline.check)
        return out

    def _fetched(self, wanted: Wanted, allowance: Allowance, deadline: Deadline) -> Path:
        """Refused before the first byte where what is missing of it would cost too much."""
        part = self._folder / f"{hex_of(wanted.digest)}.part"
        self._keep_only((part.name,))
        allowance.check_room(still_missing(wanted, part, disk=self._disk))
        return fetch(
            wanted,
            part,
            deadline=deadline,
            disk=self._disk,
            spend=allowance,
            ca_file=self._ca_file,
            clock=self._clock,
        )

    @contextmanager
    def _spending(self, assignment: Assignment) -> Iterator[Allowance]:
        """What this assignment may still cost, all its attempts together; the count is written down at the end."""
        try:
            yield self._budget.allowance(assignment.budget_bytes, counter=assignment.counter)
        finally:
            self._budget.flush()

    def _make_folder(self) -> None:
        try:
            if not self._folder.is_dir():
                self._disk.make_folder(self._folder)
        except OSError as problem:
            raise disk_error("making room for the download", self._folder, problem) from problem

    def _keep_only(self, names: tuple[str, ...]) -> None:
        """Delete everything in the folder whose name does not begin with one of `names`."""
        try:
            for other in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
                if not other.name.startswith(names or ("/",)):
                    self._disk.remove(other)
        except OSError as problem:
            raise disk_error("clearing the downloads", self._folder, problem) from problem


def _issued_s(assignment: Assignment) -> float:
    return unix_s(assignment.issued_at) if assignment.issued_at else 0.0
