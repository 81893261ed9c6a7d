"""What kptn itself costs a bundle on another machine, beside a remote of 100, 1,000 and 10,000 tasks: `task run --remote`.

The worker is a folder without git and with a store of its own, which has run one bundle before. A bundle is one item of
a Python task that does nothing; a Python process that imports what that one does and ends is the floor, and subtracted.
"""

import json
import shutil
from pathlib import Path

import projects
from bucket import Bucket
from context import Context
from measure import CommandFailed
from report import Goal, Row

TIMES = 15
BOUND = 50  # ms of CPU
# What a worker process imports before its first item.
IMPORTS = "import importlib.util, inspect, io, json, os, pathlib, random, sys, threading, traceback"
RUN = ["--engine", "bench", "--json"]
MAPPED = """\
  listed: {file: listed.py, cache_result: true, iterable_item: N}
  each: {file: each.py, map_over: N, bundle_size: 1, outputs: ['${N}.txt']}
"""
EACH = "def each(N, output_dir):\n    (output_dir / f'{N}.txt').write_text(N)\n"


def rows(context: Context) -> list[Row]:
    sizes = [100, 1_000] if context.quick else [100, 1_000, 10_000]
    with Bucket(context.bucket) as bucket:
        return [of_size(context, bucket, tasks) for tasks in sizes]


def of_size(context: Context, bucket: Bucket, tasks: int) -> Row:
    what = f"one bundle on a worker, a remote of {tasks:,} tasks"
    try:
        return measured(context, bucket, tasks, what)
    except (CommandFailed, OSError) as failure:
        return Row(what, None, None, problem=str(failure).splitlines()[0])


def measured(context: Context, bucket: Bucket, tasks: int, what: str) -> Row:
    root, worker = context.work / f"workers-{tasks}", context.work / f"worker-{tasks}"
    for folder in (root, worker):
        context.put_away(folder)
    make(context, root, tasks)
    (worker / "tasks").mkdir(parents=True)
    # A worker has the code of all tasks, and reads that of its own.
    shutil.copytree(root / "tasks", worker / "tasks", dirs_exist_ok=True)
    for name in ("kptn.yaml", "listed.py", "each.py"):
        shutil.copy(root / name, worker / name)
    remote = bucket.environment() | {"KPTN_REMOTE": f"s3://bucket/workers-{tasks}"}
    here, there = context.meter.within(remote), context.meter.within(remote | {"KPTN_BRANCH": "main", "KPTN_PROJECT": "/"})
    here.quietly([context.kptn, "run", "--exclude", "listed", "--exclude", "each"], root)
    run = json.loads(here.said([context.kptn, "run", "open", *RUN, "listed", "each"], root))["run"]
    there.quietly([context.kptn, "task", "run", "listed", "--run", run], worker)
    names = there.said([context.kptn, "task", "bundles", "each", "--run", run], worker).split()
    bundle = lambda name: [context.kptn, "task", "run", "each", "--run", run, "--bundle", name]
    there.quietly(bundle(names[0]), worker)
    samples = sorted((there.run(bundle(name), worker) for name in names[1:]), key=lambda sample: sample.cpu)
    floor = there.least([context.python, "-u", "-X", "faulthandler", "-c", IMPORTS], worker, TIMES)
    middle = samples[len(samples) // 2]
    own = (middle.cpu - floor.cpu) * 1000
    return Row(what, middle.cpu, floor.cpu, {}, middle.peak, [Goal("ms of kptn itself, at most 50", own, BOUND)])


def make(context: Context, root: Path, tasks: int) -> None:
    projects.start(root)
    shape = projects.Shape(tasks)
    projects.write_kptn_r(root, shape, context.stand_in)
    yaml = (root / "kptn.yaml").read_text()
    yaml = yaml.replace("\ntasks:\n", "\n      listed: []\n      each: [listed]\ntasks:\n" + MAPPED, 1)
    yaml = yaml.replace("settings:\n", f"settings:\n  python: {json.dumps(str(context.python))}\n")
    projects.write(root / "kptn.yaml", yaml)
    numbers = ", ".join(f"'n{number:03}'" for number in range(TIMES + 1))
    projects.write(root / "listed.py", f"def listed():\n    return [{numbers}]\n")
    projects.write(root / "each.py", EACH)
    projects.write(root / ".gitignore", "scratch/\nflows/\n")
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "the bench"]):
        context.meter.quietly(["git", *words], root)
