"""What it costs to start: `kptn --version`."""

from context import Context
from report import Goal, Row

TIMES = 40


def rows(context: Context) -> list[Row]:
    here = context.work
    kptn = context.meter.least([context.kptn, "--version"], here, TIMES)
    floor = context.meter.least([context.floor, "nothing"], here, TIMES)
    git = context.meter.least(["git", "--version"], here, TIMES)
    peers = {"git": git.cpu} | context.beside(
        dvc=lambda: context.meter.least([context.peer("dvc"), "--version"], here, 2).cpu)
    goal = Goal("at most 3 ms", kptn.cpu * 1000, 3)
    return [Row("start-up: `kptn --version`", kptn.cpu, floor.cpu, peers, kptn.peak, [goal])]
