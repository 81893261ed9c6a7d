"""What it costs to say that 50,000 items of a mapped task are fresh: `status` beside `lstat` on their outputs.

The items are made once, by really running them through `kptn run` in a warm Python worker; the project is
kept between bench runs. Each item writes one file of 2 KB.
"""

import time
from pathlib import Path

import projects
from context import Context
from measure import CommandFailed, Sample
from report import Goal, Row

TIMES = 7
ITEMS, FEW = 50_000, 5_000
BOUND = 1.5  # times lstat

KPTN_YAML = """\
graphs:
  bench:
    tasks: {names: , each: names, after: each}
tasks:
  names: {file: names.py, cache_result: true, iterable_item: NAME}
  each: {file: each.py, map_over: NAME, bundle_size: 100, outputs: ['items/${NAME}.txt']}
  after: {file: after.py, outputs: [after.txt]}
settings: {python: %s, flows_dir: flows}
"""
NAMES = "def names():\n    return [f'item-{number:06}' for number in range(%d)]\n"
EACH = "def each(NAME, output_dir):\n    (output_dir / 'items' / f'{NAME}.txt').write_text(NAME * 170)\n"
AFTER = "def after(output_dir):\n    (output_dir / 'after.txt').write_text('after')\n"


def rows(context: Context) -> list[Row]:
    count = FEW if context.quick else ITEMS
    what = f"status, {count:,} fresh items of 2 KB"
    try:
        project = Items(context, count)
        quiet = context.meter.least([context.kptn, "status", "--exit-code"], project.root, TIMES)
        touched = context.meter.least([context.kptn, "status", "--exit-code"], project.root, 3, project.add_a_comment)
    except CommandFailed as failure:
        return [Row(what, None, None, problem=str(failure).splitlines()[0])]
    floor = context.meter.least([context.floor, "lstat", project.listed()], project.root, TIMES)
    peers = {"git": git_status(context, project).cpu}
    if (context.peers / "dvc").exists():
        peers["dvc"] = dvc_status(context, project).cpu
    goals = [Goal(f"at most {BOUND} times lstat", quiet.cpu / floor.cpu, BOUND)] if count == ITEMS else []
    return [Row(what, quiet.cpu, floor.cpu, peers, quiet.peak, goals),
            Row(f"{what}, a comment changed in their script", touched.cpu, floor.cpu, {}, touched.peak)]


class Items:
    """A kptn project of three tasks, one of them mapped, that has run."""

    def __init__(self, context: Context, count: int):
        self.context, self.count = context, count
        self.root = context.work / "projects" / f"items-{count}"
        if not (self.root / "made").exists():
            projects.start(self.root)
            (self.root / "kptn.yaml").write_text(KPTN_YAML % context.python)
            (self.root / "names.py").write_text(NAMES % count)
            (self.root / "each.py").write_text(EACH)
            (self.root / "after.py").write_text(AFTER)
            context.meter.quietly(["git", "init", "-q", "-b", "main"], self.root)
        context.meter.quietly([context.kptn, "run", "bench"], self.root)
        (self.root / "made").touch()
        # Files that are younger than the file system's clock ticks are hashed again; let them age, once.
        time.sleep(0.05)
        context.meter.quietly([context.kptn, "status", "--exit-code"], self.root)

    def add_a_comment(self) -> None:
        with (self.root / "each.py").open("a") as file:
            file.write("# a comment\n")

    def outputs(self) -> list[Path]:
        return [self.root / f"scratch/main/items/item-{number:06}.txt" for number in range(self.count)]

    def listed(self) -> Path:
        scripts = [self.root / name for name in ("kptn.yaml", "names.py", "each.py", "after.py")]
        return self.context.list_of(self.root.name, [*scripts, self.root / "scratch/main/after.txt", *self.outputs()])


def copied(context: Context, project: Items, name: str) -> tuple[Path, bool]:
    """A peer's folder with the same files, and whether it must still be made."""
    root = context.work / "projects" / f"{name}-{project.root.name}"
    made = (root / "made").exists()
    if not made:
        projects.start(root)
        for path in project.outputs():
            projects.write(root / "items" / path.name, path.read_text())
    return root, not made


def git_status(context: Context, project: Items) -> Sample:
    root, new = copied(context, project, "git")
    if new:
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
            context.meter.quietly(["git", *command], root)
        (root / ".git/info/exclude").write_text("made\n")
        (root / "made").touch()
    context.meter.quietly(["git", "status"], root)
    return context.meter.least(["git", "status"], root, TIMES)


def dvc_folder(context: Context, project: Items) -> Path:
    """The folder in which DVC knows the same files."""
    root, new = copied(context, project, "dvc")
    dvc = context.peer("dvc")
    if new:
        context.meter.quietly(["git", "init", "-q"], root)
        context.meter.quietly([dvc, "init", "-q"], root)
        context.meter.quietly([dvc, "add", "-q", "items"], root)
        (root / "made").touch()
    return root


def dvc_status(context: Context, project: Items) -> Sample:
    return context.meter.least([context.peer("dvc"), "status", "-q"], dvc_folder(context, project), 2)
