"""What tiny items cost through Prefect and Dask: in bundles, the same bundles as bare Dask tasks, and without bundles.

All start a Dask cluster of their own on this machine and talk to one Prefect server, which is not counted. Prefect's own
mapping with its own cache is measured with fewer items, since thousands never end, and the row says what as many would cost:
what a flow with few items costs is taken off first, so that nothing that it costs once is multiplied.
"""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.request

import projects
from context import Context
from measure import CommandFailed
from report import Goal, Row

BUNDLE = 100
YAML = """graphs:
  bench:
    tasks: {list: , each: list}
settings: {python: %(python)s, prefect: {task_runner: dask}}
tasks:
  list: {file: list.py, cache_result: true, iterable_item: N}
  each: {file: each.py, map_over: N, bundle_size: %(bundle)d, outputs: ["${N}.txt"]}
"""
EACH = "def each(N, output_dir):\n    (output_dir / f'{N}.txt').write_text('x' * 2048)\n"

BARE = '''
import json, subprocess, sys
from distributed import Client, LocalCluster

KPTN = sys.argv[1]


def call(*words):
    return subprocess.run([KPTN, *words], check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8").stdout


def bundle(run, name):
    call("task", "run", "each", "--run", run, "--bundle", name, "--no-retries")


if __name__ == "__main__":
    with LocalCluster(threads_per_worker=1) as cluster, Client(cluster) as client:
        run = call("run", "open", "--jobs", "1").strip()
        client.submit(call, "task", "run", "list", "--run", run, pure=False).result()
        names = json.loads(call("task", "bundles", "each", "--run", run, "--json"))["bundles"]
        client.gather([client.submit(bundle, run, name, pure=False) for name in names])
        client.submit(call, "task", "run", "each", "--run", run, pure=False).result()
        call("run", "close", "--run", run)
'''

OWN = '''
import os, sys
from prefect import flow, task
from prefect.cache_policies import INPUTS
from prefect_dask import DaskTaskRunner


@task(cache_policy=INPUTS, persist_result=True)
def each(number):
    os.makedirs("out", exist_ok=True)
    with open("out/%d.txt" % number, "w") as file:
        file.write("x" * 2048)
    return number


@flow(task_runner=DaskTaskRunner(cluster_kwargs={"threads_per_worker": 1}))
def own(count):
    for future in each.map(range(count)):
        future.result()


if __name__ == "__main__":
    own(int(sys.argv[1]))
'''


def rows(context: Context) -> list[Row]:
    many, few = (1_000, 50) if context.quick else (10_000, 300)
    what = f"{many:,} items of 2 KB through Prefect and Dask, {many // BUNDLE} bundles"
    try:
        with server(context) as address:
            return [of_items(context, what, many, few, address)]
    except (CommandFailed, OSError) as failure:
        return [Row(what, None, None, problem=str(failure).splitlines()[-1])]


def of_items(context: Context, what: str, many: int, few: int, address: str) -> Row:
    python = context.engines / "prefect/bin/python"
    meter = context.meter.within({"PREFECT_API_URL": address, "PREFECT_HOME": str(context.work / "prefect-home"),
                                  "PREFECT_LOGGING_LEVEL": "WARNING", "DO_NOT_TRACK": "1", "KPTN_BIN": str(context.kptn)})

    def project(name: str):
        root = context.work / name
        projects.start(root)
        projects.write(root / "kptn.yaml", YAML % {"python": context.python, "bundle": BUNDLE})
        projects.write(root / "list.py", f"def list():\n    return [*range({many})]\n")
        projects.write(root / "each.py", EACH)
        meter.quietly(["git", "init", "-q", "-b", "main"], root)
        return root

    root = project("prefect-bundles")
    meter.quietly([context.kptn, "render", "--runner", "prefect"], root)
    kptn = meter.run([python, "flows/bench_flow.py"], root)
    again = meter.run([python, "flows/bench_flow.py"], root)
    root = project("prefect-bare")
    projects.write(root / "bare.py", BARE)
    bare = meter.run([python, "bare.py", context.kptn], root)
    root = context.work / "prefect-own"
    projects.start(root)
    projects.write(root / "own.py", OWN)
    once = meter.run([python, "own.py", "1"], root)
    own = meter.run([python, "own.py", str(few)], root)
    each = {"cpu": (own.cpu - once.cpu) / (few - 1), "wall": (own.wall - once.wall) / (few - 1)}
    goals = [
        Goal("wall time of the same bundles as bare Dask tasks, at most 1.5 times", kptn.wall / bare.wall, 1.5),
        Goal("s", kptn.wall, float("inf")),
        Goal("s again, all fresh", again.wall, float("inf")),
        Goal(f"s of Prefect's own mapping and caching, from {few} items", once.wall + each["wall"] * many, float("inf")),
        Goal("ms an item of that", each["wall"] * 1000, float("inf")),
        Goal("ms an item in bundles", kptn.wall / many * 1000, float("inf")),
    ]
    return Row(what, kptn.cpu, bare.cpu, {"Prefect without bundles": once.cpu + each["cpu"] * many}, kptn.peak, goals)


@contextlib.contextmanager
def server(context: Context):
    """A Prefect server of our own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = context.work / "prefect-server"
    projects.start(home)
    environment = context.meter.environment | {"PREFECT_HOME": str(home), "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
    command = [context.engines / "prefect/bin/prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with (home / "log").open("w") as log:
        running = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}/api"
    try:
        deadline = time.monotonic() + 120
        while True:
            try:
                urllib.request.urlopen(address + "/health", timeout=5)
                break
            except OSError:
                if time.monotonic() > deadline or running.poll() is not None:
                    raise CommandFailed("no Prefect server: " + (home / "log").read_text()[-500:]) from None
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        running.wait()
