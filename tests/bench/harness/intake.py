"""What it costs to take outputs into the store: two large files, and very many small ones.

Each case starts with an empty store; the files are in the page cache, for kptn and for its peers alike.
The large ones are read in one pass, copied and hashed; that is their floor. The small ones end up in
one database file; reading them and appending them to one file is theirs.
"""

import random
import shutil
from pathlib import Path

from context import Context
from report import Goal, Row

MEBIBYTE = 1 << 20


def rows(context: Context) -> list[Row]:
    folder = context.work / "intake"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        return [large(context, folder), small(context, folder)]
    finally:
        shutil.rmtree(folder)


def large(context: Context, folder: Path) -> Row:
    size = (64 if context.quick else 512) * MEBIBYTE
    files = [random_file(folder / f"large/{number}", size, number) for number in range(2)]
    listed = context.list_of("intake-large", files)
    # More rounds than elsewhere: the goal is the narrowest, and writing a gigabyte is noisy.
    times = 3 if context.quick else 5
    kptn, floor = beside(context, folder, times,
                         [context.store, "take-in", folder / "into", listed],
                         [context.store, "copy-and-hash", folder / "into", listed])
    empty = lambda: shutil.rmtree(folder / "into", ignore_errors=True)
    copy = context.meter.least(["cp", "-r", "--reflink=never", folder / "large", folder / "into"], folder, 2, empty)
    hashed = context.meter.least([context.store, "hash", listed], folder, 2)
    peers = {"cp": copy.cpu, "BLAKE3 alone": hashed.cpu} | added(context, folder / "large")
    empty()
    goal = Goal("at most 1.1 times copy and hash", kptn.cpu / floor.cpu, 1.1)
    return Row(f"take in 2 x {size // MEBIBYTE} MiB", kptn.cpu, floor.cpu, peers, kptn.peak, [goal])


def small(context: Context, folder: Path) -> Row:
    count = 5_000 if context.quick else 50_000
    files = [random_file(folder / f"small/{number % 100}/{number}", 2048, number) for number in range(count)]
    listed = context.list_of("intake-small", files)
    kptn, floor = beside(context, folder, 3,
                         [context.store, "take-in", folder / "into", listed],
                         [context.floor, "append", listed, folder / "into"])
    peers = added(context, folder / "small")
    goal = Goal("at most 3 times read and append", kptn.cpu / floor.cpu, 3)
    return Row(f"take in {count} x 2 KB", kptn.cpu, floor.cpu, peers, kptn.peak, [goal])


def added(context: Context, files: Path) -> dict[str, float]:
    """What it costs others to take the same files in."""
    figures = context.beside(git_add=lambda: git_add(context, files))
    return figures if context.quick else figures | context.beside(dvc_add=lambda: dvc_add(context, files))


def beside(context: Context, folder: Path, times: int, kptn: list, floor: list):
    """Measures both in turn, so that a busy moment hits both; each into an empty place."""

    def empty():
        place = folder / "into"
        shutil.rmtree(place) if place.is_dir() else place.unlink(missing_ok=True)

    pairs = []
    for _ in range(times):
        pairs.append([context.meter.least(command, folder, 1, empty) for command in (kptn, floor)])
    empty()
    return [min(column, key=lambda sample: sample.cpu) for column in zip(*pairs)]


def random_file(path: Path, size: int, seed: int) -> Path:
    """Bytes that no compression makes smaller, the same every time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(seed)
    with path.open("wb") as file:
        for begin in range(0, size, MEBIBYTE):
            file.write(source.randbytes(min(MEBIBYTE, size - begin)))
    return path


def git_add(context: Context, folder: Path) -> float:
    context.meter.quietly(["git", "init", "-q"], folder)
    sample = context.meter.run(["git", "add", "."], folder)
    shutil.rmtree(folder / ".git")
    return sample.cpu


def dvc_add(context: Context, folder: Path) -> float:
    """DVC moves what it takes in to its cache and links or copies it back: it works on a copy."""
    place = folder.with_name("dvc")
    place.mkdir()
    shutil.copytree(folder, place / "data")
    dvc = context.peer("dvc")
    context.meter.quietly(["git", "init", "-q"], place)
    context.meter.quietly([dvc, "init", "-q"], place)
    sample = context.meter.run([dvc, "add", "-q", "data"], place)
    shutil.rmtree(place)
    return sample.cpu
