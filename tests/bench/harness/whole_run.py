"""What it costs to run a graph of trivial scripts from nothing: CPU of the program and of every script.

kptn, ninja, Snakemake and DVC start an interpreter a task; kptn 0.1.17 calls the functions in its own
process. Ninja keeps no state but times, so it is the floor.
"""

import projects
from context import Context
from measure import CommandFailed
from projects import Shape
from report import Row


def rows(context: Context) -> list[Row]:
    sizes = [100] if context.quick else [100, 1_000]
    return [of_size(context, tasks) for tasks in sizes]


def of_size(context: Context, tasks: int) -> Row:
    shape = Shape(tasks)
    what = f"run {tasks} trivial tasks"
    floor = ninja(context, shape)
    # DVC takes 0.3 s of CPU a stage: at 1,000 it would take longer than all the rest of the bench.
    peers = context.beside(snakemake=lambda: snakemake(context, shape), old_kptn=lambda: old_kptn(context, shape))
    if tasks <= 100 and not context.quick:
        peers |= context.beside(dvc=lambda: dvc(context, shape))
    try:
        root = fresh(context, "kptn")
        projects.write_kptn(root, shape, context.python)
        context.meter.quietly(["git", "init", "-q", "-b", "main"], root)
        kptn = context.meter.run([context.kptn, "run", "bench"], root)
    except CommandFailed as failure:
        return Row(what, None, floor, peers, problem=str(failure).splitlines()[0])
    return Row(what, kptn.cpu, floor, peers, kptn.peak)


def fresh(context: Context, name: str):
    root = context.work / "whole-run" / name
    projects.start(root)
    return root


def ninja(context: Context, shape: Shape) -> float:
    root = fresh(context, "ninja")
    projects.write_ninja(root, shape, f"{context.python} $in out")
    return context.meter.run([context.peer("ninja"), "-j2"], root).cpu


def snakemake(context: Context, shape: Shape) -> float:
    root = fresh(context, "snakemake")
    projects.write_snakemake(root, shape, context.python)
    return context.meter.run([context.peer("snakemake"), "-c2", "-q", "all"], root).cpu


def dvc(context: Context, shape: Shape) -> float:
    root = fresh(context, "dvc")
    projects.write_dvc(root, shape, context.python)
    context.meter.quietly(["git", "init", "-q"], root)
    context.meter.quietly([context.peer("dvc"), "init", "-q"], root)
    return context.meter.run([context.peer("dvc"), "repro", "-q"], root).cpu


def old_kptn(context: Context, shape: Shape) -> float:
    root = fresh(context, "old-kptn")
    projects.write_old_kptn(root, shape)
    context.meter.quietly(["git", "init", "-q", "-b", "main"], root)
    context.meter.quietly([context.peer("old-kptn"), "codegen"], root)
    python = context.peer("old-kptn").with_name("python")
    return context.meter.run([python, "flows/bench.py"], root).cpu
