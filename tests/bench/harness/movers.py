"""How kptn and its peers move a folder of files to a bucket or a folder, and back: the same words for each."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import projects
from bucket import Bucket
from context import Context
from measure import Sample

# Without its own check: the server's tags are no MD5, as those of S3 are not for large objects.
RCLONE = ("rclone", "-q", "--ignore-checksum", "copy")
# By how people call them; s5cmd knows buckets alone.
TO_BUCKET, TO_FOLDER = ("dvc", "rclone", "restic", "s5cmd"), ("dvc", "rclone", "restic")


@dataclass(frozen=True)
class Place:
    """Where to: the bucket, or a folder."""

    bucket: Bucket
    folder: Path | None = None

    def of(self, name: str) -> str:
        """The place of a program in its own words."""
        if self.folder:
            return str(self.folder / name)
        return {"restic": f"s3:{self.bucket.endpoint}/bucket/restic", "rclone": f"bench:bucket/{name}"}.get(
            name, f"s3://bucket/{name}")

    def stored(self) -> int:
        if not self.folder:
            return self.bucket.stored()
        return sum(path.stat().st_size for path in self.folder.rglob("*") if path.is_file())

    def empty(self, context: Context) -> None:
        if self.folder:
            context.clear(self.folder)
            self.folder.mkdir(parents=True)
        self.bucket.empty()


class Kptn:
    """A project whose outputs lie in `outputs`, and a clone that has none of them."""

    def __init__(self, context: Context, place: Place, root: Path):
        self.context, self.place, self.root = context, place, root
        self.meter = context.meter.within(place.bucket.environment())
        self.remote = "folder" if place.folder else "bucket"

    def push(self) -> Sample:
        return self.meter.run([self.context.kptn, "push", self.remote], self.root)

    def pull(self) -> Sample:
        """Into a fresh clone, until the files are in its output folder."""
        return total(self.pull_and_restore())

    def pull_and_restore(self) -> tuple[Sample, Sample]:
        """The same, each by itself: a pull brings everything into the store, a restore puts the files there."""
        clone = fresh(self.context, "kptn")
        self.meter.quietly(["git", "clone", "-q", self.root, clone], clone.parent)
        return tuple(self.meter.run([self.context.kptn, *words], clone) for words in (["pull", self.remote], ["restore"]))


class Peer:
    """One of the others, with a folder of files."""

    def __init__(self, context: Context, place: Place, name: str, files: Path):
        self.context, self.place, self.name, self.files = context, place, name, files
        self.meter = context.meter.within(place.bucket.environment())
        self.program = context.peer(name) if name in ("dvc", "s5cmd") else Path(name)
        self.to = place.of(name)
        if name == "restic":
            self.meter.quietly(["restic", "-q", "-r", self.to, "init"], context.work)
        elif name == "dvc":
            self.root = self.dvc_folder()

    def dvc_folder(self) -> Path:
        """DVC knows the files of a folder that it works in, and has them in its cache before it pushes."""
        root = self.context.work / "projects" / f"dvc-{self.files.parent.parent.parent.name}"
        if not (root / "made").exists():
            projects.start(root)
            shutil.copytree(self.files, root / "data")
            for command in (["git", "init", "-q"], [self.program, "init", "-q"], [self.program, "add", "-q", "data"]):
                self.meter.quietly(command, root)
            (root / "made").touch()
        self.configure(root)
        return root

    def configure(self, root: Path) -> None:
        run = lambda *words: self.meter.quietly([self.program, "remote", *words], root)
        run("add", "-q", "-f", "-d", "to", self.to)
        if not self.place.folder:
            run("modify", "-q", "to", "endpointurl", self.place.bucket.endpoint)

    def change(self) -> None:
        """Takes in what the files are now, unmeasured."""
        if self.name == "dvc":
            shutil.copytree(self.files, self.root / "data", dirs_exist_ok=True)
            self.meter.quietly([self.program, "add", "-q", "data"], self.root)

    def push(self) -> Sample:
        return {
            "dvc": lambda: self.meter.run([self.program, "push", "-q"], self.root),
            "rclone": lambda: self.meter.run([*RCLONE, self.files, self.to], self.files),
            "restic": lambda: self.meter.run(["restic", "-q", "-r", self.to, "backup", "."], self.files),
            "s5cmd": lambda: self.meter.run([self.program, "--log", "error", "sync", f"{self.files}/", f"{self.to}/"], self.files),
        }[self.name]()

    def pull(self) -> Sample:
        into = fresh(self.context, self.name)
        if self.name == "dvc":
            self.meter.quietly(["git", "init", "-q"], into)
            self.meter.quietly([self.program, "init", "-q"], into)
            self.configure(into)
            shutil.copy(self.root / "data.dvc", into)
        return {
            "dvc": lambda: self.meter.run([self.program, "pull", "-q"], into),
            "rclone": lambda: self.meter.run([*RCLONE, self.to, into], into),
            "restic": lambda: self.meter.run(["restic", "-q", "-r", self.to, "restore", "latest", "--target", into], into),
            "s5cmd": lambda: self.meter.run([self.program, "--log", "error", "cp", f"{self.to}/*", f"{into}/"], into),
        }[self.name]()


def fresh(context: Context, name: str) -> Path:
    """An empty folder to pull into."""
    into = context.work / "pulled" / name
    context.clear(into)
    into.mkdir(parents=True)
    return into


def total(samples) -> Sample:
    """Several commands as one."""
    all_of_them = list(samples)
    return Sample(sum(one.cpu for one in all_of_them), max(one.peak for one in all_of_them), sum(one.wall for one in all_of_them))
