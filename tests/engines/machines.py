#!/usr/bin/env python3
"""Runs docs/examples/engines on several machines that have only an S3 server in common, and loses two of them.

    tests/engines/machines.py KPTN FOLDER BUCKET

FOLDER holds the engines' environments, BUCKET is tests/bench/bucket.rs, built. A machine is a network namespace with a
folder, a home and a copy of the project of its own; the folders of the others are not there. One machine has git, the
Prefect server and Dask's scheduler; three have a Dask worker each. While tasks run, the network of one worker is cut, and
another one is killed with all that it had started. The run has to end well all the same, in the outputs of a local run,
and nothing of it may lie on the first machine.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import run as engines

BRIDGE, NET = "kptn-test0", "10.97.41."
HOST = NET + "1"


def sh(*words):
    subprocess.run(words, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


class Machine:
    """A network namespace and a folder; what is started in it sees no other machine's folder."""

    def __init__(self, folder, number):
        self.folder, self.all = folder / ("machine%d" % number), folder
        self.name, self.address, self.link = "kptn-test%d" % number, NET + str(10 + number), "kptn-v%d" % number
        self.running = []
        (self.folder / "home").mkdir(parents=True)
        (self.folder / "tmp").mkdir()

    def __enter__(self):
        sh("ip", "netns", "add", self.name)
        sh("ip", "link", "add", self.link, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        sh("ip", "link", "set", self.link, "master", BRIDGE, "up")
        inside = ["ip", "-n", self.name]
        sh(*inside, "addr", "add", self.address + "/24", "dev", "eth0")
        sh(*inside, "link", "set", "lo", "up")
        sh(*inside, "link", "set", "eth0", "up")
        return self

    def __exit__(self, *_):
        self.kill()
        for words in (["link", "del", self.link], ["netns", "del", self.name]):
            subprocess.run(["ip", *words], check=False, stderr=subprocess.DEVNULL)

    def cut_off(self):
        sh("ip", "link", "set", self.link, "down")

    def kill(self):
        """Kills all that runs here, as a power cut does."""
        for pid in subprocess.run(["ip", "netns", "pids", self.name], stdout=subprocess.PIPE, text=True).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        for process in self.running:
            process.wait()

    def environment(self, more):
        return {
            "PATH": os.environ["PATH"], "HOME": str(self.folder / "home"), "TMPDIR": str(self.folder / "tmp"),
            "LANG": "C.UTF-8", "DO_NOT_TRACK": "1", "PREFECT_HOME": str(self.folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false", **more,
        }

    def words(self, words):
        others = [str(other) for other in self.all.iterdir() if other != self.folder]
        hide = "".join("mount -t tmpfs none '%s'; " % other for other in others)
        return ["ip", "netns", "exec", self.name, "sh", "-c", hide + "cd \"$0\" && exec \"$@\"",
                str(self.folder / "project"), *map(str, words)]

    def start(self, words, env, log):
        with open(self.folder / log, "w") as out:
            self.running.append(subprocess.Popen(self.words(words), env=self.environment(env), stdin=subprocess.DEVNULL,
                                                 stdout=out, stderr=out))
        return self.running[-1]

    def said(self, words, env, codes=(0,)):
        done = subprocess.run(self.words(words), env=self.environment(env), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=400)
        if done.returncode not in codes:
            sys.exit("%s left with %d:\n%s%s" % (words, done.returncode, done.stdout[-4000:], done.stderr[-4000:]))
        return done.stdout


@contextlib.contextmanager
def bridge():
    subprocess.run(["ip", "link", "del", BRIDGE], check=False, stderr=subprocess.DEVNULL)
    sh("ip", "link", "add", BRIDGE, "type", "bridge")
    try:
        sh("ip", "addr", "add", HOST + "/24", "dev", BRIDGE)
        sh("ip", "link", "set", BRIDGE, "up")
        yield
    finally:
        subprocess.run(["ip", "link", "del", BRIDGE], check=False)


@contextlib.contextmanager
def s3(program):
    server = subprocess.Popen([program, "serve", HOST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield {
            "AWS_ENDPOINT_URL": server.stdout.readline().strip(), "AWS_ACCESS_KEY_ID": "AKIATESTTESTTEST",
            "AWS_SECRET_ACCESS_KEY": "a-secret-that-no-log-may-hold", "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true", "KPTN_REMOTE": "s3://bucket/survey",
        }
    finally:
        server.stdin.close()
        server.wait()


def wait_until(what, done, seconds=120):
    deadline = time.time() + seconds
    while not done():
        if time.time() > deadline:
            sys.exit("after %d s: %s" % (seconds, what))
        time.sleep(0.2)


def project(machine):
    shutil.copytree(engines.EXAMPLE, machine.folder / "project")
    # Bundles slow enough that some run when machines go.
    fit = machine.folder / "project/tasks/fit.py"
    fit.write_text(fit.read_text().replace("def fit", "import time\n\n\ndef fit").replace("    (output", "    time.sleep(1)\n    (output", 1))
    config = machine.folder / "project/kptn.yaml"
    config.write_text(config.read_text().replace("settings:\n", "settings:\n  prefect: {task_runner: dask}\n")
                      .replace("bundle_size: 3, group_size: 6,", "bundle_size: 1, group_size: 10, retries: 3,"))


def is_up(address):
    try:
        urllib.request.urlopen(address, timeout=2)
        return True
    except OSError:
        return False


def main(kptn, environments, bucket):
    kptn, python = os.path.abspath(kptn), os.path.abspath(os.path.join(environments, "prefect/bin/python"))
    programs = os.path.dirname(python)
    began = time.time()
    with tempfile.TemporaryDirectory(prefix="kptn-machines-") as folder, contextlib.ExitStack() as stack:
        folder = pathlib.Path(folder)
        stack.enter_context(bridge())
        shared = stack.enter_context(s3(bucket))
        first, *workers = [stack.enter_context(Machine(folder, number)) for number in range(4)]
        for machine in (first, *workers):
            project(machine)
        env = {**shared, "KPTN_BIN": kptn, "PREFECT_API_URL": "http://%s:4200/api" % first.address,
               "KPTN_CLUSTER": "tcp://%s:8786" % first.address, "PREFECT_LOGGING_LEVEL": "INFO",
               "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "10s", "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
               "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s", "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "10"}
        for words in (["init", "--quiet", "--initial-branch", "main"], ["add", "-A"],
                      ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "survey"]):
            first.said(["git", *words], env)
        first.start([programs + "/prefect", "server", "start", "--host", "0.0.0.0", "--no-ui"], env, "server.log")
        first.start([python, "-m", "distributed.cli.dask_scheduler", "--host", first.address, "--no-dashboard"], env, "scheduler.log")
        wait_until("no Prefect server", lambda: is_up("http://%s:4200/api/health" % first.address))
        own = {**env, "KPTN_BRANCH": "main", "KPTN_PROJECT": "/"}
        for machine in workers:
            machine.start([python, "-m", "distributed.cli.dask_worker", env["KPTN_CLUSTER"], "--nthreads", "3", "--no-nanny",
                           "--no-dashboard", "--host", machine.address, "--local-directory", machine.folder / "tmp"], own, "worker.log")
        first.said([kptn, "render", "--runner", "prefect"], env)
        flow = first.start([python, "flows/survey_flow.py"], env, "flow.log")
        busy = lambda: all(any(machine.folder.glob("project/.kptn/workers/*/fit")) for machine in workers) or flow.poll() is not None
        wait_until("no machine has begun to work", busy)
        cut, killed, _ = workers
        cut.cut_off()
        killed.kill()
        assert flow.poll() is None, "the flow ended before a machine was lost"
        wait_until("the flow does not end", lambda: flow.poll() is not None, 240)
        log = (first.folder / "flow.log").read_text()
        assert flow.returncode == 0, "the flow left with %d:\n%s" % (flow.returncode, log[-8000:])
        assert not (first.folder / "project/scratch").exists(), "something ran on the first machine"
        state = json.loads(first.said([kptn, "status", "--all", "--json"], env))["rows"]
        assert all(row["status"] == "fresh" for row in state), state
        outputs = outputs_of(first, kptn, env)
        cut.kill()
        local = workers[2]
        local.kill()
        alone = {name: value for name, value in env.items() if name != "KPTN_REMOTE"}
        local.said(["git", "init", "--quiet", "--initial-branch", "main"], alone)
        local.said([kptn, "run"], alone)
        expected = outputs_of(local, kptn, alone)
        assert outputs == expected, "other outputs than a local run: %s, %s" % (outputs, expected)
    print("machines   %6.1f s   %s, one cut off, one killed" % (time.time() - began, outputs), flush=True)


def outputs_of(machine, kptn, env):
    run = machine.said([kptn, "run", "open", "--engine", "test"], env).split()[-1]
    return json.loads(machine.said([kptn, "run", "close", "--run", run, "--json"], env))["outputs"]


if __name__ == "__main__":
    main(*sys.argv[1:])
