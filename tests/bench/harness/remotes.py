"""What it costs to push a state to a bucket and to a folder, and to pull it: beside DVC, rclone, restic and s5cmd.

All of them move the same files, one after the other, to the same server, which keeps everything in memory. DVC and
kptn have the files in their stores before; the others read them where they lie. Each file of 2 KB and each large one
is noise, so that nobody compresses much; the table is text.
"""

from pathlib import Path

import projects
from bucket import Bucket
from context import Context
from measure import CommandFailed
from movers import TO_BUCKET, TO_FOLDER, Kptn, Peer, Place
from report import Goal, Row

MEBIBYTE = 1 << 20

YAML = """\
graphs:
  bench: {tasks: {%s}}
tasks:
%s
settings: {python: %s, flows_dir: flows}
remotes:
  bucket: {url: 's3://bucket/kptn', region: us-east-1}
  folder: {url: 'file://%s/kptn'}
"""
SMALL = ("names: , each: names",
         "  names: {file: names.py, cache_result: true, iterable_item: NAME}\n"
         "  each: {file: each.py, map_over: NAME, bundle_size: 100, outputs: ['files/${NAME}.bin']}")
SMALL_FILES = {
    "names.py": "def names():\n    return [f'item-{number:06}' for number in range(%d)]\n",
    "each.py": "import random\n\n\ndef each(NAME, output_dir):\n"
               "    (output_dir / 'files' / f'{NAME}.bin').write_bytes(random.Random(NAME).randbytes(2048))\n",
}
LARGE = ("large: ", "  large: {file: large.py, outputs: [files/a.bin, files/b.bin]}")
LARGE_FILES = {"large.py": """\
import random


def large(output_dir):
    for name in 'ab':
        source = random.Random(name)
        with open(output_dir / 'files' / f'{name}.bin', 'wb') as file:
            for _ in range(%d):
                file.write(source.randbytes(1 << 20))
"""}
TABLE = ("table: ", "  table: {file: table.py, outputs: [files/table.csv]}")
# One row in a hundred is another one: none of them, those of one run, or some all over the table.
TABLE_FILES = {"table.py": """\
import random

CHANGED = 'none'
SIZE = %d << 20
FEW = SIZE // 4800


def row(number, source):
    return (f"{number},{source.choice(['NC', 'VA', 'SC', 'GA', 'TN'])},{source.randint(1900, 2020)},"
            f"{source.random() * 1000:.6f},{source.random():.8f},name-{source.randint(0, 99999)}\\n")


def is_new(number):
    if CHANGED == 'run':
        return 10 * FEW <= number < 11 * FEW
    return CHANGED == 'spread' and number * 2654435761 %% 2**32 < 2**32 // 100


def table(output_dir):
    source, other, size, number = random.Random(1), random.Random(2), 0, 0
    with open(output_dir / 'files/table.csv', 'w') as file:
        while size < SIZE:
            old = row(number, source)
            size += file.write(row(number, other) if is_new(number) else old)
            number += 1
"""}


def rows(context: Context) -> list[Row]:
    made = []
    with Bucket(context.bucket) as bucket:
        for case in (small, large, table):
            try:
                made += case(context, bucket)
            except (CommandFailed, OSError) as failure:
                made.append(Row(f"remotes: {case.__name__}", None, None, problem=str(failure).splitlines()[0]))
    return made


def made(context: Context, name: str, task: tuple[str, str], files: dict[str, str], amount: int) -> Path:
    """A project that has run; kept between benches."""
    root = context.work / "projects" / f"{name}-{amount}"
    if not (root / "made").exists():
        projects.start(root)
        projects.write(root / "kptn.yaml", YAML % (*task, context.python, folder(context)))
        projects.write(root / ".gitignore", "scratch/\nflows/\nmade\n__pycache__/\n")
        for script, text in files.items():
            projects.write(root / script, text % amount if "%" in text else text)
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "first"]):
            context.meter.quietly(["git", *words], root)
    context.meter.quietly([context.kptn, "run", "bench"], root)
    context.meter.quietly([context.kptn, "restore"], root)
    (root / "made").touch()
    return root


def folder(context: Context) -> Path:
    return context.work / "remote"


def small(context: Context, bucket: Bucket) -> list[Row]:
    count = 5_000 if context.quick else 50_000
    root = made(context, "push-small", SMALL, SMALL_FILES, count)
    what, place = f"{count:,} files of 2 KB", Place(bucket)
    place.empty(context)
    ours = Kptn(context, place, root)
    first = ours.push()
    requests, size = bucket.requests(), bucket.stored()
    again = [ours.push() for _ in range(5)]
    most = bucket.requests() / len(again)
    pulled = ours.pull()
    pull_requests = bucket.requests()
    pushes, agains, pulls, counts = others(context, place, root, TO_BUCKET)
    told = [Goal(f"requests of {name}", count_of, float("inf")) for name, count_of in counts.items()]
    goals = [Goal("requests, at most bytes / 16 MiB + 10", requests, size / (16 * MEBIBYTE) + 10), *told]
    if "dvc" in pushes:
        goals.insert(1, Goal("% of dvc's CPU, at most 5", 100 * first.cpu / pushes["dvc"], 5))
    nothing = min(again, key=lambda sample: sample.cpu)
    return [
        Row(f"push {what} to a bucket", first.cpu, None, pushes, first.peak, goals),
        Row(f"push {what} again, nothing new", nothing.cpu, None, agains, nothing.peak,
            [Goal("requests, at most 3", most, 3), Goal("ms, at most 30", nothing.cpu * 1000, 30)]),
        Row(f"pull and restore {what}", pulled.cpu, None, pulls, pulled.peak,
            [Goal("requests", pull_requests, float("inf"))]),
    ]


def large(context: Context, bucket: Bucket) -> list[Row]:
    mebibytes = 64 if context.quick else 1024
    root = made(context, "push-large", LARGE, LARGE_FILES, mebibytes)
    try:
        return large_of(context, bucket, root, mebibytes)
    finally:
        # Some 8 GiB.
        for folder_of in (root, root.with_name(f"dvc-{root.name}"), context.work / "pulled", folder(context)):
            context.clear(folder_of)


def large_of(context: Context, bucket: Bucket, root: Path, mebibytes: int) -> list[Row]:
    result = []
    for place, names, where in ((Place(bucket, folder(context)), TO_FOLDER, "a folder"), (Place(bucket), TO_BUCKET, "a bucket")):
        ours = Kptn(context, place, root)
        times = []
        for _ in range(3):
            place.empty(context)
            times.append(ours.push())
        first = min(times, key=lambda sample: sample.cpu)
        pulled, restored = min((ours.pull_and_restore() for _ in range(2)), key=lambda both: both[0].cpu)
        pushes, _, pulls, _ = others(context, place, root, names)
        for verb, sample, peers in (("push", first, pushes), ("pull", pulled, pulls)):
            goals = [Goal("MiB, under 256", sample.peak / 1024, 256)]
            if peers:
                goals.insert(0, Goal("at most 1.3 times the fastest", sample.cpu / min(peers.values()), 1.3))
            result.append(Row(f"{verb} 2 x {mebibytes} MiB, {where}", sample.cpu, None, peers, sample.peak, goals))
        result[-1].goals.append(Goal("s to restore the files besides", restored.cpu, float("inf")))
    return result


def table(context: Context, bucket: Bucket) -> list[Row]:
    mebibytes = 16 if context.quick else 256
    root = made(context, "push-table", TABLE, TABLE_FILES, mebibytes)
    script = (root / "table.py").read_text()
    result = []
    for changed, most in (("run", 1.5), ("spread", 2.5)):
        place = Place(bucket)
        place.empty(context)
        peers = context.beside(**{name: (lambda name=name: Peer(context, place, name, root / "scratch/main/files")) for name in ("dvc", "restic")})
        ours = Kptn(context, place, root)
        for mover in (ours, *peers.values()):
            mover.push()
        (root / "table.py").write_text(script.replace("'none'\n", f"'{changed}'\n", 1))
        context.meter.quietly([context.kptn, "run", "bench"], root)
        figures, added = {}, {}
        for name, mover in {"kptn": ours, **peers}.items():
            if name != "kptn":
                mover.change()
            before = bucket.stored()
            figures[name] = mover.push()
            added[name] = (bucket.stored() - before) / 1e6
        pulled = ours.pull()
        came = root.parent.parent / "pulled/kptn/scratch/main/files/table.csv"
        if came.read_bytes() != (root / "scratch/main/files/table.csv").read_bytes():
            raise CommandFailed("what was pulled is not what was pushed")
        (root / "table.py").write_text(script)
        context.meter.quietly([context.kptn, "run", "bench"], root)
        context.meter.quietly([context.kptn, "restore"], root)
        for name in peers:
            peers[name].change()
        what = f"1 % of the rows of a {mebibytes} MiB table changed, {'in one run' if changed == 'run' else 'all over'}"
        others_added = [Goal(f"{name} adds MB", size, float("inf")) for name, size in added.items() if name != "kptn"]
        result.append(Row(f"push again, {what}", figures["kptn"].cpu, None,
                          {name: sample.cpu for name, sample in figures.items() if name != "kptn"}, figures["kptn"].peak,
                          [Goal(f"MB added, at most {most}", added["kptn"], most * mebibytes / 256),
                           # Less than the process itself takes does not count.
                           Goal("MiB, at most 3.5 times the table", figures["kptn"].peak / 1024, max(3.5 * mebibytes, 256)), *others_added]))
        result.append(Row(f"pull and restore, {what}", pulled.cpu, None, {}, pulled.peak))
    return result


def others(context: Context, place: Place, root: Path, names: tuple[str, ...]):
    """What it costs the others to push, to push again, and to pull; and how many requests their first push makes."""
    pushes, agains, pulls, counts = {}, {}, {}, {}

    def measure(name: str) -> float:
        place.empty(context)
        peer = Peer(context, place, name, root / "scratch/main/files")
        place.bucket.requests()
        pushes[name] = peer.push().cpu
        counts[name] = place.bucket.requests()
        agains[name] = peer.push().cpu
        pulls[name] = peer.pull().cpu
        return pulls[name]

    context.beside(**{name: (lambda name=name: measure(name)) for name in names})
    place.empty(context)
    return pushes, agains, pulls, {name: count for name, count in counts.items() if count}
