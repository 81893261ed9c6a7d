"""What an item of a mapped Python task costs: warm, with a 2 KB file each, and in a process of its own.

Two figures a case. The row is CPU of everything: kptn, the runner, the workers. The goal is about what
`kptn task serve` itself uses an item, which is looked up in /proc while it runs. The floor is a
`multiprocessing.Pool` that writes a line of a journal for each item; those that start a program an item
do so for fewer items, and the row says what as many as kptn's would cost.
"""

import json
import shutil
import threading
from pathlib import Path

import projects
from context import Context
from measure import CommandFailed
from report import Goal, Row

POOL = '''
import multiprocessing, os, sys

count, kind = int(sys.argv[1]), sys.argv[2]


def item(number):
    if kind == "files":
        with open("out/%d.txt" % number, "w") as file:
            file.write("x" * 2048)
    return number


if __name__ == "__main__":
    os.makedirs("out", exist_ok=True)
    journal = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    with multiprocessing.Pool(2) as pool:
        for number in pool.imap_unordered(item, range(count), chunksize=1):
            os.write(journal, b"%d\\n" % number)
'''

EACH = {
    "noop": "def each(N):\n    pass\n",
    "files": "def each(N, output_dir):\n    with open('%s/%d.txt' % (output_dir, N), 'w') as file:\n"
             "        file.write('x' * 2048)\n",
}


def rows(context: Context) -> list[Row]:
    many, some, few = (5_000, 2_000, 100) if context.quick else (50_000, 50_000, 500)
    return [warm(context, "noop", many), warm(context, "files", some), fresh(context, few)]


class Serve(threading.Thread):
    """Looks up what `kptn task serve` has used, as long as there is one."""

    def __init__(self):
        super().__init__(daemon=True)
        self.cpu, self.peak, self.over = 0.0, 0, threading.Event()

    def run(self):
        folder = None
        while not self.over.wait(0.02):
            folder = folder or self.find()
            try:
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                self.cpu = (int(fields[11]) + int(fields[12])) / 100
                status = (folder / "status").read_text()
                self.peak = int(status.split("VmHWM:")[1].split()[0])
            except (OSError, IndexError, AttributeError, TypeError):
                pass

    @staticmethod
    def find() -> Path | None:
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and b"task\0serve" in (folder / "cmdline").read_bytes():
                    return folder
            except OSError:
                pass
        return None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


def project(context: Context, name: str, kind: str, count: int, fields: str = "") -> Path:
    root = context.work / "items" / name
    projects.start(root)
    outputs = ", outputs: ['${N}.txt']" if kind == "files" else ""
    projects.write(root / "kptn.yaml", f"settings: {{python: {json.dumps(str(context.python))}}}\n"
                   "graphs: {bench: {tasks: {numbers: , each: numbers}}}\ntasks:\n"
                   "  numbers: {file: numbers.py, cache_result: true, iterable_item: N}\n"
                   f"  each: {{file: each.py, map_over: N{outputs}{fields}}}\n")
    projects.write(root / "numbers.py", f"def numbers():\n    return list(range({count}))\n")
    projects.write(root / "each.py", EACH[kind])
    context.meter.quietly(["git", "init", "-q", "-b", "main"], root)
    return root


def served(context: Context, root: Path):
    """Runs it; returns the whole, serve's own CPU in seconds and its peak memory in KiB."""
    with Serve() as serve:
        whole = context.meter.run([context.kptn, "run", "bench", "-j2"], root)
    return whole, serve.cpu, serve.peak


def warm(context: Context, kind: str, count: int) -> Row:
    what = f"{count:,} items in warm Python workers, " + ("no-op" if kind == "noop" else "a 2 KB file each")
    try:
        whole, own, peak = served(context, project(context, kind, kind, count))
    except CommandFailed as failure:
        return Row(what, None, None, {}, problem=str(failure).splitlines()[0])
    goals = [Goal("serve's own CPU an item, at most 20 us" if kind == "noop" else "serve's own CPU an item, us",
                  own / count * 1e6, 20 if kind == "noop" else 1e9),
             Goal("memory of serve, at most 128 MB", peak / 1024, 128)]
    return Row(what, whole.cpu, pool(context, kind, count), starting_a_program_each(context, count) if kind == "noop" else {},
               peak, goals)


def fresh(context: Context, count: int) -> Row:
    what = f"{count} items, a Python process each (`workers: fresh`)"
    try:
        whole, own, peak = served(context, project(context, "fresh", "noop", count, ", workers: fresh"))
    except CommandFailed as failure:
        return Row(what, None, None, {}, problem=str(failure).splitlines()[0])
    spawn = context.meter.least([context.store, "spawn", str(count)], context.work, 3)
    bare = context.meter.run(["sh", "-c", f"for i in $(seq {count}); do {context.python} -c pass; done"], context.work)
    goals = [Goal("serve's own CPU an item, times spawning /bin/true, at most 1.3", own / spawn.cpu, 1.3)]
    return Row(what, whole.cpu, bare.cpu, {"/bin/true from Rust": spawn.cpu}, peak, goals)


def pool(context: Context, kind: str, count: int) -> float:
    root = context.work / "items" / "pool"
    projects.start(root)
    projects.write(root / "pool.py", POOL)
    return context.meter.run([context.python, "pool.py", str(count), kind], root).cpu


def starting_a_program_each(context: Context, count: int) -> dict[str, float]:
    """What others need for as many items, from fewer."""
    few = 200 if context.quick else 1_000
    root = context.work / "items" / "peers"
    projects.start(root)
    scale = count / few
    found = {}
    words = f"seq {few} | xargs -P2 -n1 /bin/true"
    found["xargs -P2 true"] = context.meter.run(["sh", "-c", words], root).cpu * scale
    if shutil.which("parallel"):
        words = f"seq {few} | parallel -j2 --will-cite /bin/true"
        found["GNU parallel true"] = context.meter.run(["sh", "-c", words], root).cpu * scale
    projects.write(root / "Snakefile", f"rule all:\n    input: expand('out/{{n}}.txt', n=range({few // 5}))\n"
                   "rule each:\n    output: 'out/{n}.txt'\n    shell: 'echo > {output}'\n")
    found |= context.beside(
        snakemake=lambda: context.meter.run([context.peer("snakemake"), "-c2", "-q", "all"], root).cpu * scale * 5,
        old_kptn=lambda: old_kptn(context, few) * scale)
    return found


def old_kptn(context: Context, count: int) -> float:
    """kptn 0.1.17 calls the function in its own process, and its SQLite file has a row an item."""
    root = context.work / "items" / "old-kptn"
    projects.start(root)
    projects.write_old_kptn_mapped(root, count)
    context.meter.quietly(["git", "init", "-q", "-b", "main"], root)
    context.meter.quietly([context.peer("old-kptn"), "codegen"], root)
    return context.meter.run([context.peer("old-kptn").with_name("python"), "flows/bench.py"], root).cpu
