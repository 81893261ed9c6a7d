"""What it costs to say that there is nothing to do.

The state is made by really running every task once; projects are kept between bench runs and brought up
to date, because running 10,000 interpreters takes minutes. The floor looks at the same files, once each:
`kptn.yaml`, the scripts and the outputs.
"""

import time
from pathlib import Path

import projects
from context import Context
from measure import CommandFailed, Sample
from projects import Shape
from report import Goal, Row

TIMES = 7
PEAK = 64  # MiB
REAL = 1_000  # up to so many tasks a real interpreter has run; above, a stand-in for it


def rows(context: Context) -> list[Row]:
    sizes = [100, 1_000] if context.quick else [100, 1_000, 10_000]
    made = []
    for tasks in sizes:
        made += of_size(context, tasks)
    return made


def of_size(context: Context, tasks: int) -> list[Row]:
    shape = Shape(tasks)
    try:
        project = Project(context, shape)
        quiet = context.meter.least([context.kptn, "status"], project.root, TIMES)
        switched = context.meter.least([context.kptn, "status"], project.root, 3, project.switch_there_and_back)
    except CommandFailed as failure:
        return [Row(f"status, {tasks} tasks", None, None, problem=str(failure).splitlines()[0])]
    floor = project.floor()
    ninja = ninja_status(context, shape)
    peers = {"ninja": ninja.cpu, "git": git_status(context, project).cpu}
    if tasks <= 1_000 and not (context.quick and tasks > 100):
        peers |= context.beside(dvc=lambda: dvc_status(context, shape).cpu,
                                snakemake=lambda: snakemake_status(context, shape).cpu)
    made = [
        Row(f"status, {tasks} tasks", quiet.cpu, floor.cpu, peers, quiet.peak, goals(tasks, quiet, floor, ninja)),
        Row(f"status, {tasks} tasks, a branch switched there and back", switched.cpu, floor.cpu, {},
            switched.peak, goals(tasks, switched, floor, ninja)),
    ]
    return made + with_shared_module(context, tasks)


def with_shared_module(context: Context, tasks: int) -> list[Row]:
    """All tasks import one module of 5,000 lines; status first as it is, then after the module was touched."""
    shape = Shape(tasks, shared_module=True)
    what = f"status, {tasks} tasks that import 5,000 lines"
    try:
        project = Project(context, shape)
        quiet = context.meter.least([context.kptn, "status"], project.root, TIMES)
        touched = context.meter.least([context.kptn, "status"], project.root, 3, project.add_a_comment)
    except CommandFailed as failure:
        return [Row(what, None, None, problem=str(failure).splitlines()[0])]
    floor, ninja = project.floor(), ninja_status(context, shape)
    return [
        Row(what, quiet.cpu, floor.cpu, {"ninja": ninja.cpu}, quiet.peak, goals(tasks, quiet, floor, ninja)),
        Row(f"{what}, a comment changed in it", touched.cpu, floor.cpu, {}, touched.peak),
    ]


def goals(tasks: int, kptn: Sample, floor: Sample, ninja: Sample) -> list[Goal]:
    if tasks < 10_000:
        return []
    return [Goal("at most 2 times lstat", kptn.cpu / floor.cpu, 2),
            Goal("at most 1.3 times ninja -n", kptn.cpu / ninja.cpu, 1.3),
            Goal("under 64 MiB", kptn.peak / 1024, PEAK)]


class Project:
    """A kptn project whose tasks have all run, in a git repository with a second branch."""

    def __init__(self, context: Context, shape: Shape):
        self.context, self.shape = context, shape
        self.in_r = shape.tasks > REAL
        self.ending = "R" if self.in_r else "py"
        kind = "shared" if shape.shared_module else "plain"
        self.root = context.work / "projects" / f"{kind}-{shape.tasks}"
        if not (self.root / "made").exists():
            self.make()
        context.meter.quietly([context.kptn, "run", "bench"], self.root)
        # Files that are younger than the file system's clock ticks are hashed again; let them age, once.
        time.sleep(0.05)
        context.meter.quietly([context.kptn, "status", "--exit-code"], self.root)

    def git(self, *arguments: str) -> None:
        self.context.meter.quietly(["git", *arguments], self.root)

    def make(self) -> None:
        projects.start(self.root)
        if self.in_r:
            projects.write_kptn_r(self.root, self.shape, self.context.stand_in)
        else:
            projects.write_kptn(self.root, self.shape, self.context.python)
        (self.root / ".gitignore").write_text("scratch/\nflows/\nmade\n")
        self.git("init", "-q", "-b", "main")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "the bench")
        self.git("switch", "-q", "-c", "other")
        for number in range(0, self.shape.tasks, 100):
            with (self.root / f"tasks/{projects.name(number)}.{self.ending}").open("a") as file:
                file.write("\nother_branch = 1\n")
        self.git("commit", "-q", "-a", "-m", "one script in a hundred")
        self.git("switch", "-q", "main")
        (self.root / "made").touch()

    def switch_there_and_back(self) -> None:
        """One script in a hundred differs between the branches, and is written twice."""
        self.git("switch", "-q", "other")
        self.git("switch", "-q", "main")

    def add_a_comment(self) -> None:
        with (self.root / f"tasks/shared.{self.ending}").open("a") as file:
            file.write("# a comment\n")

    def files(self) -> list[Path]:
        shared = [self.root / f"tasks/shared.{self.ending}"] if self.shape.shared_module else []
        names = self.shape.names()
        return [self.root / "kptn.yaml", *shared, *(self.root / f"tasks/{task}.{self.ending}" for task in names),
                *(self.root / f"scratch/main/{task}.txt" for task in names)]

    def floor(self) -> Sample:
        listed = self.context.list_of(self.root.name, self.files())
        return self.context.meter.least([self.context.floor, "lstat", listed], self.root, TIMES)


def peer_folder(context: Context, name: str, shape: Shape) -> tuple[Path, bool]:
    """The folder of a peer's project, and whether it must still be made."""
    root = context.work / "projects" / f"{name}-{'shared' if shape.shared_module else 'plain'}-{shape.tasks}"
    made = (root / "made").exists()
    if not made:
        projects.start(root)
    return root, not made


def ninja_status(context: Context, shape: Shape) -> Sample:
    root, new = peer_folder(context, "ninja", shape)
    ninja = context.peer("ninja")
    if new:
        projects.write_ninja(root, shape, "cp $in $out")
        context.meter.quietly([ninja, "--quiet"], root)
        (root / "made").touch()
    return context.meter.least([ninja, "-n"], root, TIMES)


def git_status(context: Context, project: Project) -> Sample:
    """git tracks what kptn looks at: the scripts and the outputs."""
    root, new = peer_folder(context, "git", project.shape)
    if new:
        for path in project.files():
            projects.write(root / path.relative_to(project.root), path.read_text())
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-q", "-m", "all"]):
            context.meter.quietly(["git", *command], root)
        (root / ".git/info/exclude").write_text("made\n")
        (root / "made").touch()
    context.meter.quietly(["git", "status"], root)
    return context.meter.least(["git", "status"], root, TIMES)


def write_outputs(root: Path, shape: Shape) -> None:
    for task in shape.names():
        projects.write(root / f"out/{task}.txt", f"{task}\n")


def dvc_status(context: Context, shape: Shape) -> Sample:
    root, new = peer_folder(context, "dvc", shape)
    dvc = context.peer("dvc")
    if new:
        projects.write_dvc(root, shape, context.python)
        write_outputs(root, shape)
        context.meter.quietly(["git", "init", "-q"], root)
        context.meter.quietly([dvc, "init", "-q"], root)
        context.meter.quietly([dvc, "commit", "-q", "-f"], root)
        (root / "made").touch()
    return context.meter.least([dvc, "status", "-q"], root, 2)


def snakemake_status(context: Context, shape: Shape) -> Sample:
    root, new = peer_folder(context, "snakemake", shape)
    snakemake = context.peer("snakemake")
    if new:
        projects.write_snakemake(root, shape, context.python)
        write_outputs(root, shape)
        context.meter.quietly([snakemake, "--touch", "-c1", "-q", "all"], root)
        (root / "made").touch()
    return context.meter.least([snakemake, "-n", "-q", "all"], root, 2)
