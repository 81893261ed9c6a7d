"""What an item of a mapped R task costs: the CPU of kptn, its warm R and the fork, beside `Rscript script`.

A run of a few items is subtracted from a run of many, so what a run and a session cost once is left out.
"""

import projects
from context import Context
from measure import CommandFailed
from report import Goal, Row

FEW = 2
SCRIPTS = {
    "an empty script": "",
    "a script that says library(data.table)": "suppressMessages(library(data.table))\n",
}


def rows(context: Context) -> list[Row]:
    return [of_script(context, what, script) for what, script in SCRIPTS.items()]


def of_script(context: Context, what: str, script: str) -> Row:
    what = f"one R item: {what}"
    many = 40 if context.quick else 200
    try:
        floor = rscript(context, script, many // 5)
        kptn = (run(context, script, FEW + many) - run(context, script, FEW)) / many
    except CommandFailed as failure:
        return Row(what, None, None, problem=str(failure).splitlines()[-1])
    return Row(what, kptn, floor, {}, None, [Goal("at most a tenth of Rscript", kptn / floor, 0.1)])


def run(context: Context, script: str, items: int) -> float:
    root = context.work / "r-items"
    projects.start(root)
    projects.write(root / "list.py", f"def list():\n    return [str(number) for number in range({items})]\n")
    projects.write(root / "each.R", script)
    projects.write(root / "kptn.yaml", "graphs:\n  bench:\n    tasks: {list: , each: list}\ntasks:\n"
                   "  list: {file: list.py, cache_result: true, iterable_item: NUMBER}\n"
                   "  each: {file: each.R, map_over: NUMBER}\n")
    context.meter.quietly(["git", "init", "-q", "-b", "main"], root)
    return context.meter.run([context.kptn, "run", "-j", "1"], root).cpu


def rscript(context: Context, script: str, times: int) -> float:
    root = context.work / "r-items"
    projects.start(root)
    projects.write(root / "each.R", script)
    loop = f"set -e; for i in $(seq {times}); do Rscript each.R; done"
    return context.meter.run(["sh", "-c", loop], root).cpu / times
