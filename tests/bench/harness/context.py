"""What every case needs: the programs, a folder to work in, and how much to do."""

import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from measure import CommandFailed, Meter

PEER_PROGRAMS = {"ninja": "ninja", "dvc": "dvc", "snakemake": "snakemake", "old-kptn": "kptn", "s5cmd": "s5cmd"}

# Files whose deletion makes nothing dearer that is measured after it.
FEW = 1_000

PEER_NAMES = {"old_kptn": "kptn 0.1.17", "git_add": "git add", "dvc_add": "dvc add", "dvc_checkout": "dvc checkout"}


@dataclass(frozen=True)
class Context:
    """The programs, the folder and the mode of one bench run."""

    kptn: Path
    store: Path  # tests/bench/store.rs, built
    bucket: Path  # tests/bench/bucket.rs, built
    floor: Path  # tests/bench/floor.c, built
    stand_in: Path  # tests/bench/stand_in.c, built
    peers: Path
    engines: Path  # as tests/engines/setup.sh makes them
    work: Path
    meter: Meter
    quick: bool

    @property
    def python(self) -> Path:
        """The interpreter of all scripts: a bare environment, which starts the same on every machine."""
        return self.peers / "python/bin/python"

    def peer(self, name: str) -> Path:
        """The program of a peer."""
        return self.peers / name / "bin" / PEER_PROGRAMS[name]

    def put_away(self, folder: Path) -> None:
        """Takes a folder out of the way without deleting it: for minutes, ext4 skips inodes that were freed one by one
        whenever a file is made, so what is measured after a deletion is the deletion."""
        if folder.exists():
            away = self.work / "away"
            away.mkdir(exist_ok=True)
            folder.rename(away / str(time.monotonic_ns()))

    def clear(self, folder: Path) -> None:
        """Takes a folder out of the way, and deletes it where its files are few: large ones fill the disk."""
        if sum(len(files) for _, _, files in os.walk(folder)) < FEW:
            shutil.rmtree(folder, ignore_errors=True)
        self.put_away(folder)

    def beside(self, **measured: Callable[[], float]) -> dict[str, float]:
        """The figures of peers; one that fails has none, and the bench goes on."""
        figures = {}
        for name, measure in measured.items():
            try:
                figures[PEER_NAMES.get(name, name)] = measure()
            except (CommandFailed, OSError) as failure:
                print(f"bench: no figure of {name}: {failure}", file=sys.stderr, flush=True)
        return figures

    def list_of(self, name: str, paths) -> Path:
        """Writes a list of files, a path a line, for the floors."""
        path = self.work / f"{name}.list"
        path.write_text("".join(f"{path}\n" for path in paths))
        return path
