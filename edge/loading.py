"""A bundle's model opened the way a run or a device wants it: threads, accelerator, in a process of its own or here."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from contract.manifest import Manifest
from edge.model import LoadedModel, load_model


class Loading(Struct, frozen=True, kw_only=True):
    """How to open a model."""

    threads: int | None = 1
    """None for what a short measurement finds best (`edge/threads.py`)."""
    device: str = "auto"
    """One of `edge.backends.device.WORDS`."""
    isolate: bool = False
    """In a process of its own (`edge/isolated.py`)."""
    memory_limit_bytes: int | None = None
    """Of that process."""
    folder: Path | None = None
    """Where measured thread counts and built engines are kept."""

    def open(self, manifest: Manifest, digest: str, model: bytes | Path, *, threads: int | None = None) -> LoadedModel:
        """The model, ready to answer, on `threads` where given. What `load_model` raises."""
        threads = threads or self.threads
        if threads is not None:
            return self._with_threads(manifest, digest, model, threads)
        from edge.cgroup import usable_cores
        from edge.threads import best_threads, load_with_best_threads

        def load(count: int) -> LoadedModel:
            return self._with_threads(manifest, digest, model, count)

        if self.folder is None:
            return load(best_threads(load, limit=usable_cores()).chosen)
        return load_with_best_threads(load, digest, self.folder, limit=usable_cores())[0]

    def _with_threads(self, manifest: Manifest, digest: str, model: bytes | Path, threads: int) -> LoadedModel:
        if not self.isolate:
            return load_model(manifest, digest, model, threads=threads, device=self.device, engines=self.folder)
        from edge.isolated import load_isolated

        return load_isolated(
            manifest,
            digest,
            model,
            threads=threads,
            device=self.device,
            memory_limit_bytes=self.memory_limit_bytes,
        )
