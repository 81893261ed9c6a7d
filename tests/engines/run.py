#!/usr/bin/env python3
"""Runs docs/examples/engines with every engine for real, and compares what each ends in with a local run.

    tests/engines/run.py KPTN FOLDER [ENGINE ...]

FOLDER holds the engines' environments, as setup.sh makes them. For each engine, in a project of its own: a run in which
one item fails has to fail, with the item's reason in what the engine shows, and hold up nothing else; a second one, in
which it does not, has to run that task alone, and end in the same outputs digest as the local run. The second is started
by `kptn run --runner`; a third one is stopped by Ctrl-C, and has to leave the branch free.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

EXAMPLE = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/engines"
REASON = "NC has a negative count"


class Place:
    """A project in a temporary folder, with a HOME of its own."""

    def __init__(self, kptn, environments, folder):
        self.kptn_program, self.environments = kptn, environments
        self.folder, self.root = folder, folder / "project"
        shutil.copytree(EXAMPLE, self.root)
        (folder / "home").mkdir()
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder),
            "LANG": "C.UTF-8",
            "DO_NOT_TRACK": "1",
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "RAY_USAGE_STATS_ENABLED": "0",
            "AIRFLOW_HOME": str(folder / "airflow"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.root / "flows"),
            "DAGSTER_HOME": "",
            "DAGSTER_DISABLE_TELEMETRY": "yes",
        }
        del self.env["DAGSTER_HOME"]
        self.run(["git", "init", "--quiet", "--initial-branch", "main"])

    def run(self, words, codes=(0,), messages=subprocess.STDOUT):
        done = subprocess.run(words, cwd=self.root, env=self.env, stdout=subprocess.PIPE, stderr=messages,
                              stdin=subprocess.DEVNULL, timeout=400, encoding="utf-8", errors="replace")
        if done.returncode not in codes:
            sys.exit("%s left with %d:\n%s" % (words, done.returncode, done.stdout[-6000:]))
        return done

    def kptn(self, *words):
        return self.run([self.kptn_program, *words], messages=None).stdout

    def outputs(self):
        """The digest of all outputs: an empty run tells it."""
        run = self.kptn("run", "open", "--engine", "test").split()[-1]
        return json.loads(self.kptn("run", "close", "--run", run, "--json"))["outputs"]

    def program(self, engine, name):
        return str(self.environments / engine / "bin" / name)

    def followed(self, runner, environment):
        if environment:
            self.env["VIRTUAL_ENV"] = str(self.environments / environment)
            self.env["PATH"] = os.path.dirname(self.program(environment, "python")) + ":" + self.env["PATH"]
        return [self.kptn_program, "run", "--keep-going", "--runner", runner]

    def prefect(self, task_runner):
        config = self.root / "kptn.yaml"
        config.write_text(config.read_text().replace("settings:\n", "settings:\n  prefect: {task_runner: %s}\n" % task_runner))
        self.kptn("render", "--runner", "prefect")
        return [self.program("prefect", "python"), "flows/survey_flow.py"]

    def template(self, name, *words):
        self.kptn("render", "--runner", name)
        return list(words)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@contextlib.contextmanager
def prefect_server(place):
    """A real server, which every process of the flow talks to."""
    port = free_port()
    address = "http://127.0.0.1:%d/api" % port
    command = [place.program("prefect", "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"]
    with open(place.folder / "server.log", "w") as log:
        server = subprocess.Popen(command, env=place.env, cwd=place.folder, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.time() + 120
        while True:
            try:
                urllib.request.urlopen(address + "/health", timeout=5)
                break
            except OSError:
                if time.time() > deadline or server.poll() is not None:
                    sys.exit("no Prefect server:\n" + (place.folder / "server.log").read_text())
                time.sleep(0.2)
        place.env["PREFECT_API_URL"] = address
        yield
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait()


@contextlib.contextmanager
def slurm_cluster(place):
    """A cluster of one node, with its own daemons."""
    host, folder = socket.gethostname().split(".")[0], place.folder / "slurm"
    for name in ("state", "spool"):
        (folder / name).mkdir(parents=True)
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o400)
    ports = [free_port(), free_port()]
    conf = folder / "slurm.conf"
    conf.write_text(SLURM_CONF.format(host=host, folder=folder, ctld=ports[0], slurmd=ports[1]))
    place.env["SLURM_CONF"] = str(conf)
    place.env["PATH"] += ":/usr/sbin:/sbin"
    own = ["--%s=%s" % (flag, folder / ("munge." + end))
           for flag, end in (("socket", "sock"), ("pid-file", "pid"), ("log-file", "log"), ("seed-file", "seed"))]
    daemons = [["munged", "--foreground", "--force", "--key-file=%s" % key, *own], ["slurmctld", "-D"], ["slurmd", "-D"]]
    running = []
    try:
        for command in daemons:
            with open(folder / (command[0] + ".out"), "w") as log:
                running.append(subprocess.Popen(command, env=place.env, stdout=log, stderr=log, start_new_session=True))
            time.sleep(1)
        deadline = time.time() + 60
        while "idle" not in place.run(["sinfo", "--noheader", "--format=%T"], codes=(0, 1)).stdout:
            if time.time() > deadline:
                sys.exit("no Slurm:\n" + "".join(path.read_text() for path in folder.glob("*.out")))
            time.sleep(0.2)
        yield
    finally:
        for daemon in reversed(running):
            os.killpg(daemon.pid, signal.SIGTERM)
            daemon.wait()


SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
SlurmUser=root
SlurmdUser=root
SlurmctldPort={ctld}
SlurmdPort={slurmd}
SlurmctldPidFile={folder}/ctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 Sockets=1 CoresPerSocket=4 ThreadsPerCore=1 RealMemory=4000
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP DefMemPerCPU=100
"""


def local(place):
    return [place.kptn_program, "run", "--keep-going"]


def python(place):
    place.kptn("render")
    return ["python3", "flows/survey.py", "-k"]


def threads(place):
    return place.prefect("threads")


def dask(place):
    return place.prefect("dask")


def ray(place):
    return place.prefect("ray")


def make(place):
    return place.template("Makefile", "make", "-f", "survey.mk", "-j4", "-k")


def snakemake(place):
    program = place.program("snakemake", "snakemake")
    return place.template("Snakefile", program, "-s", "survey.smk", "--cores", "4", "--keep-going")


def dagster(place):
    return place.template("dagster.py", place.program("dagster", "python"), "flows/survey_dagster.py")


def airflow(place):
    place.env["PATH"] = os.path.dirname(place.program("airflow", "airflow")) + ":" + place.env["PATH"]
    place.run(["airflow", "db", "migrate"])
    command = place.template("airflow.py", "airflow", "dags", "test", "survey")
    # It leaves with 0 whatever becomes of the run, and says so.
    return ["bash", "-c", " ".join(command) + " 2>&1 | tee airflow.log; ! grep -q 'state=failed\\|Marking run .* failed' airflow.log"]


def slurm(place):
    place.kptn("render", "--runner", "slurm")
    return ["sh", "flows/survey_slurm.sh", "--wait"]


# What `kptn run --runner` calls it, and the environment that it is in.
RUNNERS = {
    "threads": ("prefect", "prefect"), "dask": ("prefect", "prefect"), "ray": ("prefect", "prefect"), "slurm": ("slurm", None),
    "make": ("Makefile", None), "snakemake": ("Snakefile", "snakemake"), "dagster": ("dagster.py", "dagster"),
}
# These run one task after the other, and begin with the slowest: there is no middle to stop them in.
IN_ORDER = {"dagster"}
ENGINES = {engine.__name__: engine for engine in (local, python, threads, dask, ray, make, slurm, snakemake, dagster, airflow)}
SERVICES = {"threads": prefect_server, "dask": prefect_server, "ray": prefect_server, "slurm": slurm_cluster}


def interrupt(place, command):
    """Stops a run in the middle of its slowest task; what it finished stays, and the branch is free at once."""
    slow = place.root / "tasks/weather.py"
    slow.write_text(slow.read_text().replace("time.sleep(3)", "time.sleep(300)"))
    pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    following = subprocess.Popen(command + ["-f"], cwd=place.root, env=place.env, encoding="utf-8", **pipes)
    said = []
    for line in following.stdout:
        said.append(line)
        if line.startswith("counts"):
            following.send_signal(signal.SIGINT)
    said = "".join(said)
    assert following.wait() == 1 and "skipped" in said, said
    place.run([place.kptn_program, "run", "states"])


def try_out(name, kptn, environments, expected):
    with tempfile.TemporaryDirectory(prefix="kptn-engine-") as folder:
        place = Place(kptn, environments, pathlib.Path(folder))
        with SERVICES.get(name, contextlib.nullcontext)(*([place] if name in SERVICES else [])):
            command = ENGINES[name](place)
            (place.root / "broken").touch()
            began = time.time()
            failed = place.run(command, codes=range(1, 256)).stdout
            took = time.time() - began
            assert REASON in failed, "%s does not show why:\n%s" % (name, failed[-6000:])
            state = {row["task"]: row["status"] for row in json.loads(place.kptn("status", "--all", "--json"))["rows"]}
            left = [task for task, status in state.items() if status != "fresh"]
            assert left == ["strict"], "%s left %s:\n%s" % (name, left, failed[-6000:])
            (place.root / "broken").unlink()
            if name in RUNNERS:
                command = place.followed(*RUNNERS[name])
            again = place.run(command).stdout
            assert "1 ran, 9 fresh" in again, "%s ran more than what had failed:\n%s" % (name, again[-6000:])
            outputs = place.outputs()
            assert outputs == (expected or outputs), "%s ends in other outputs" % name
            if name in RUNNERS and name not in IN_ORDER:
                interrupt(place, command)
    print("%-10s %6.1f s   %s" % (name, took, outputs), flush=True)
    return outputs


def main(kptn, environments, *engines):
    kptn, environments = os.path.abspath(kptn), pathlib.Path(environments).resolve()
    expected = try_out("local", kptn, environments, None)
    for name in engines or list(ENGINES)[1:]:
        if name == "slurm" and (os.geteuid() or not shutil.which("slurmctld", path=os.environ["PATH"] + ":/usr/sbin")):
            print("slurm      left out: its daemons want root, and have to be installed", flush=True)
            continue
        try_out(name, kptn, environments, expected)


if __name__ == "__main__":
    main(*sys.argv[1:])
