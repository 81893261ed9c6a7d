"""What git's hooks add to git: each command with kptn's hooks, beside the same without them.

The project is that of the `status` case, where every task has run; its other branch has one script in a hundred
otherwise. The commands are those that each hook is for.
"""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import status
from context import Context
from measure import CommandFailed, Sample
from projects import Shape, name
from report import Goal, Row

TIMES = 7
BOUND = 100  # ms of CPU that the hooks add
OFF = ["-c", "core.hooksPath=/dev/null"]


def rows(context: Context) -> list[Row]:
    tasks = 1_000
    try:
        root = project(context, tasks)
        return [measured(context, root, f"git {what}, {tasks:,} tasks: {hook}", command, before)
                for hook, what, command, before in cases(context, root)]
    except (CommandFailed, OSError) as failure:
        return [Row("hooks", None, None, problem=str(failure).splitlines()[0])]


def cases(context: Context, root: Path) -> list[tuple[str, str, list[str], Callable[[], None]]]:
    def on_main() -> None:
        git(context, root, "switch", "-q", "-f", "main")
        git(context, root, "reset", "-q", "--hard", "base")

    def no_branch() -> None:
        on_main()
        if "bench" in said(context, root, "git", "branch", "--list", "bench"):
            git(context, root, "branch", "-q", "-D", "bench")
        listed = said(context, root, context.kptn, "branch", "list")
        if any(line.lstrip("* ").startswith("bench ") for line in listed.splitlines()):
            context.meter.quietly([context.kptn, "branch", "delete", "bench", "--force"], root)

    def edited() -> None:
        on_main()
        with (root / f"tasks/{name(7)}.py").open("a") as file:
            file.write("\nanother = 1\n")

    def committed() -> None:
        edited()
        git(context, root, "commit", "-q", "-a", "-m", "an edit")

    return [
        ("post-checkout of a new branch, which is cloned", "switch -c", ["switch", "-q", "-c", "bench"], no_branch),
        ("post-checkout", "switch", ["switch", "-q", "other"], on_main),
        ("post-commit", "commit", ["commit", "-q", "-a", "-m", "an edit"], edited),
        ("post-rewrite", "commit --amend", ["commit", "-q", "--amend", "-m", "amended"], committed),
        ("post-merge", "merge", ["merge", "-q", "other"], on_main),
        ("pre-push", "push", ["push", "-q", "-f", "origin", "main"], committed),
    ]


def measured(context: Context, root: Path, what: str, command: list[str], before: Callable[[], None]) -> Row:
    """Turn by turn, since what is before each costs the disk something too."""
    pairs: list[tuple[Sample, Sample]] = []
    for _ in range(TIMES):
        pairs.append((context.meter.least(["git", *command], root, 1, before),
                      context.meter.least(["git", *OFF, *command], root, 1, before)))
    with_hooks, without = (min(column, key=lambda sample: sample.cpu) for column in zip(*pairs))
    added = (with_hooks.cpu - without.cpu) * 1000
    return Row(what, with_hooks.cpu, without.cpu, {}, with_hooks.peak,
               [Goal(f"hooks add ms, at most {BOUND}", added, BOUND)])


def project(context: Context, tasks: int) -> Path:
    """A copy of the `status` case's project, with hooks and a place to push to."""
    root = context.work / "projects" / f"hooks-{tasks}"
    base = status.Project(context, Shape(tasks))
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(base.root, root, symlinks=True)
    bare = context.work / "projects" / "hooks-origin.git"
    shutil.rmtree(bare, ignore_errors=True)
    git(context, root, "init", "-q", "--bare", str(bare))
    git(context, root, "remote", "add", "origin", str(bare))
    git(context, root, "tag", "base", "main")
    context.meter.quietly([context.kptn, "hooks", "install"], root)
    for _ in range(2):
        context.meter.quietly([context.kptn, "run", "bench"], root)
    return root


def git(context: Context, root: Path, *words: str) -> None:
    context.meter.quietly(["git", *OFF, *words], root)


def said(context: Context, root: Path, *command: str | Path) -> str:
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env=context.meter.environment,
                          check=True).stdout
