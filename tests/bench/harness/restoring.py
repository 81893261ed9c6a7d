"""What it costs to put files of a state into the output folder: `restore` beside bare copies of the same files.

The files are those of a mapped task: 2 KB each, kept in the store's database. The floor reads each from a folder
and writes a new one. The swap is between two branches that share a folder, where one item in a hundred differs.
"""

import os
import shutil
import time
from pathlib import Path

import projects
from context import Context
from item_status import Items, dvc_folder
from measure import CommandFailed, Sample
from report import Goal, Row

FEW, MANY = 5_000, 50_000
BOUND = 1.5  # times the bare copies
TIMES = 5


def rows(context: Context) -> list[Row]:
    made = []
    for count in [FEW] if context.quick else [FEW, MANY]:
        made += of_size(context, count)
    return made


def of_size(context: Context, count: int) -> list[Row]:
    what = f"restore {count:,} files of 2 KB"
    try:
        project = Items(context, count)
        outputs = project.root / "scratch/main"
        kept = context.work / "copied"
        context.put_away(kept)
        shutil.copytree(outputs / "items", kept)
        listed = context.list_of("copied", sorted(kept.iterdir()))
        to = context.work / "into"

        def empty() -> None:
            context.put_away(to)
            to.mkdir()

        pairs = []
        for _ in range(TIMES):
            pairs.append((context.meter.least([context.kptn, "restore"], project.root, 1,
                                              lambda: context.put_away(outputs)),
                          context.meter.least([context.floor, "copy", listed, to], context.work, 1, empty)))
        restored, floor = (min(column, key=lambda sample: sample.cpu) for column in zip(*pairs))
        context.put_away(to)
        time.sleep(0.05)
        again = context.meter.least([context.kptn, "restore"], project.root, 3)
        swapped, touched = swap(context, count)
    except (CommandFailed, OSError) as failure:
        return [Row(what, None, None, problem=str(failure).splitlines()[0])]
    finally:
        context.put_away(context.work / "copied")
    peers = context.beside(**{"cp -r": lambda: copy(context, outputs / "items").cpu},
                           dvc_checkout=lambda: dvc_checkout(context, project).cpu)
    looked = context.meter.least([context.floor, "lstat", project.listed()], project.root, TIMES)
    return [
        Row(what, restored.cpu, floor.cpu, peers, restored.peak,
            [Goal(f"at most {BOUND} times bare copies", restored.cpu / floor.cpu, BOUND)]),
        Row(f"restore {count:,} files that are all there", again.cpu, looked.cpu, {}, again.peak),
        Row(f"swap two branches' {count:,} files, 1 % of them different", swapped.cpu, looked.cpu, {}, swapped.peak,
            [Goal("files touched, of a hundred", 100 * touched / count, 1.0)]),
    ]


def copy(context: Context, items: Path) -> Sample:
    to = context.work / "into"
    sample = context.meter.least(["cp", "-r", "--reflink=never", items, to], context.work, 2,
                                 lambda: context.put_away(to))
    context.put_away(to)
    return sample


def dvc_checkout(context: Context, project: Items) -> Sample:
    """DVC with its cache copied from, as kptn's store is: its other links give read-only or shared files."""
    root = dvc_folder(context, project)
    return context.meter.least([context.peer("dvc"), "checkout", "-q"], root, 2, lambda: context.put_away(root / "items"))


SWAP_YAML = """\
graphs:
  bench:
    tasks: {names: , each: names}
tasks:
  names: {file: names.py, cache_result: true, iterable_item: 'NAME,VALUE'}
  each: {file: each.py, map_over: 'NAME,VALUE', bundle_size: 100, outputs: ['items/${NAME}.txt']}
settings: {python: %s, flows_dir: flows, outputs_dir: out}
"""
SWAP_EACH = """\
def each(NAME, VALUE, output_dir):
    (output_dir / 'items' / f'{NAME}.txt').write_text(f'{NAME} {VALUE}' * 120)
"""
# One item in a hundred names the branch.
SWAP_NAMES = """\
def names():
    return [[f'item-{number:06}', '%s' if number %% 100 == 0 else 'same'] for number in range(%d)]
"""


def swap(context: Context, count: int) -> tuple[Sample, int]:
    """Returns what a swap costs, and how many files it touched."""
    root = context.work / "projects" / f"swap-{count}"
    git = lambda *words: context.meter.quietly(["git", *words], root)
    if not (root / "made").exists():
        projects.start(root)
        (root / "kptn.yaml").write_text(SWAP_YAML % context.python)
        (root / "each.py").write_text(SWAP_EACH)
        (root / ".gitignore").write_text("out/\nflows/\nmade\n__pycache__/\n")
        git("init", "-q", "-b", "main")
        for branch in ("main", "other"):
            if branch == "other":
                git("switch", "-q", "-c", "other")
                context.meter.quietly([context.kptn, "branch", "clone", "main"], root)
            (root / "names.py").write_text(SWAP_NAMES % (branch, count))
            git("add", "-A")
            git("commit", "-q", "-m", branch)
            context.meter.quietly([context.kptn, "run", "bench"], root)
        (root / "made").touch()
    git("switch", "-q", "main")
    context.meter.quietly([context.kptn, "restore"], root)
    time.sleep(0.05)
    before = inodes(root / "out/items")
    git("switch", "-q", "other")
    there = context.meter.run([context.kptn, "restore"], root)
    touched = sum(inode != before.get(name) for name, inode in inodes(root / "out/items").items())
    git("switch", "-q", "main")
    time.sleep(0.05)
    back = context.meter.run([context.kptn, "restore"], root)
    return min(there, back, key=lambda sample: sample.cpu), touched


def inodes(folder: Path) -> dict[str, tuple[int, int]]:
    """A file that is written anew has another inode, or another time where the number is used again."""
    return {entry.name: (entry.inode(), entry.stat().st_mtime_ns) for entry in os.scandir(folder)}
