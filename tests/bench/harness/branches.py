"""What it costs to give a branch another one's state: `branch clone` of 10 tasks, and of 10,000 tasks with
50,000 items and 100,000 outputs, beside `git branch`, `dvc checkout` and `cp -al` of the data.

System calls on data files (outputs and the store's objects) are counted with strace. "While a run goes on" has
a task of another graph waiting on a pipe.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

import status
from context import Context
from item_status import Items
from measure import CommandFailed, Sample
from projects import Shape
from report import Goal, Row
from restoring import dvc_checkout

TIMES = 7
BOUND = 10  # ms of CPU

MORE_YAML = """
  items:
    tasks: {names: , each: names}
  wait:
    tasks: {waits: }
"""
MORE_TASKS = """\
  names: {file: names.py, cache_result: true, iterable_item: NAME}
  each: {file: each.py, map_over: NAME, bundle_size: 100, outputs: ['a/${NAME}.txt', 'b/${NAME}.txt']}
  waits: {file: waits.py, cache: false}
"""
NAMES = "def names():\n    return [f'item-{number:06}' for number in range(%d)]\n"
EACH = """\
def each(NAME, output_dir):
    for folder in 'ab':
        (output_dir / folder / f'{NAME}.txt').write_text(folder + NAME * 170)
"""
WAITS = "def waits():\n    open('began', 'w').close()\n    open('gate').read()\n"


def rows(context: Context) -> list[Row]:
    sizes = [(10, 0), (1_000, 5_000)] if context.quick else [(10, 0), (10_000, 50_000)]
    made = []
    for tasks, items in sizes:
        made += of_size(context, tasks, items)
    return made


def of_size(context: Context, tasks: int, items: int) -> list[Row]:
    what = f"branch clone, {tasks:,} tasks" + (f", {items:,} items, {2 * items:,} outputs" if items else "")
    try:
        root = project(context, tasks, items)
        clone = [context.kptn, "branch", "clone", "main", "bench"]
        away = lambda: remove(context, root)
        away()
        cloned = context.meter.least(clone, root, TIMES, away)
        away()
        calls = data_calls(context, clone, root)
        context.meter.quietly(["git", "branch", "-f", "bench"], root)
        fresh = all_fresh(context, root)
        away()
        meanwhile = while_running(context, root, clone, away)
    except (CommandFailed, OSError) as failure:
        return [Row(what, None, None, problem=str(failure).splitlines()[0])]
    branch = context.meter.least(["git", "branch", "-f", "bench"], root, TIMES)
    peers = context.beside(**{"cp -al": lambda: linked(context, root).cpu})
    if items and (context.peers / "dvc").exists():
        peers |= context.beside(dvc_checkout=lambda: dvc_checkout(context, Items(context, items)).cpu)
    goal = lambda sample: Goal("ms, at most 10", sample.cpu * 1000, BOUND)
    goals = [goal(cloned), Goal("tasks not fresh afterwards", fresh, 0)]
    if calls is not None:
        goals.append(Goal("system calls on data files", calls, 0))
    return [Row(what, cloned.cpu, branch.cpu, peers, cloned.peak, goals),
            Row(f"{what}, while a run goes on", meanwhile.cpu, branch.cpu, {}, meanwhile.peak, [goal(meanwhile)])]


def project(context: Context, tasks: int, items: int) -> Path:
    """The project of the `status` case, with a mapped task beside its graph."""
    root = context.work / "projects" / f"branches-{tasks}"
    if not (root / "made").exists():
        base = status.Project(context, Shape(tasks))
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(base.root, root, symlinks=True)
        (root / "made").unlink()
        yaml = (root / "kptn.yaml").read_text()
        head, rest = yaml.split("\ntasks:\n", 1)
        yaml = f"{head}{MORE_YAML}tasks:\n{MORE_TASKS}{rest}"
        if base.in_r:
            yaml = yaml.replace("settings:\n", f"settings:\n  python: {context.python}\n", 1)
        (root / "kptn.yaml").write_text(yaml)
        (root / "names.py").write_text(NAMES % items)
        (root / "each.py").write_text(EACH)
        (root / "waits.py").write_text(WAITS)
        os.mkfifo(root / "gate")
    context.meter.quietly([context.kptn, "run", "bench"], root)
    context.meter.quietly([context.kptn, "run", "items"], root)
    (root / "made").touch()
    time.sleep(0.05)
    return root


def remove(context: Context, root: Path) -> None:
    branches = subprocess.run([context.kptn, "branch", "list"], cwd=root, capture_output=True, text=True,
                              env=context.meter.environment, check=True).stdout
    if any(line.lstrip("* ").startswith("bench ") for line in branches.splitlines()):
        context.meter.quietly([context.kptn, "branch", "delete", "bench", "--force"], root)


def all_fresh(context: Context, root: Path) -> int:
    """How many tasks of the clone are not fresh, where its output folder is empty."""
    said = subprocess.run([context.kptn, "status", "-b", "bench", "--json", "bench"], cwd=root, capture_output=True,
                          text=True, env=context.meter.environment, check=True).stdout
    return said.count('"status"') - said.count('"status": "fresh"') - said.count('"status":"fresh"')


def while_running(context: Context, root: Path, clone: list, away) -> Sample:
    (root / "began").unlink(missing_ok=True)
    run = subprocess.Popen([context.kptn, "run", "wait"], cwd=root, env=context.meter.environment,
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not (root / "began").exists():
            if run.poll() is not None:
                raise CommandFailed("`kptn run wait` ended before its task began")
            time.sleep(0.05)
        return context.meter.least(clone, root, TIMES, away)
    finally:
        (root / "gate").open("w").close()
        run.wait(60)


def data_calls(context: Context, command: list, root: Path) -> int | None:
    """How many system calls named an output or an object of the store; absent without strace."""
    if not shutil.which("strace"):
        return None
    trace = context.work / "trace"
    context.meter.quietly(["strace", "-f", "-y", "-o", trace, *command], root)
    data = (f"{root}/scratch/", '"scratch/', "/kptn/objects/", "/kptn/small.db")
    lines = trace.read_text(errors="replace").splitlines()
    trace.unlink()
    return sum(any(place in line for place in data) for line in lines)


def linked(context: Context, root: Path) -> Sample:
    to = context.work / "linked"
    sample = context.meter.least(["cp", "-al", root / "scratch/main", to], root, 2,
                                 lambda: shutil.rmtree(to, ignore_errors=True))
    shutil.rmtree(to)
    return sample
