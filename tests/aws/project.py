"""A project that the machines carry out with the real kptn: the copy that a person works in, the image of it, its remote."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from machines import BUCKET, HERE, Execution  # noqa: E402

SURVEY = pathlib.Path(__file__).resolve().parents[2] / "docs/examples/engines"
# What a person's folder has and an image has not.
NOT_IN_IMAGES = shutil.ignore_patterns(".git", ".kptn", "scratch", "flows", "__pycache__")

# A task that calls `at` says that it began, waits while the test holds it, and fails as often as the test says.
AT = '''import os
import pathlib
import time

FOLDER = pathlib.Path(os.environ["TEST_FOLDER"])


def at(name):
    log = os.open(FOLDER / "began", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, (name + "\\n").encode())
    os.close(log)
    while (FOLDER / ("hold-" + name)).exists():
        time.sleep(0.02)
    fails = FOLDER / ("fail-" + name)
    left = int(fails.read_text()) if fails.exists() else 0
    if left > 0:
        fails.write_text(str(left - 1))
        raise RuntimeError("the test has " + name + " fail")
'''


class Site:
    def __init__(self, aws, name, files=None, edits=(), remote=True):
        self.aws, self.name, self.folder = aws, name, aws.folder / name
        self.root, self.image, self.tests = (self.folder / part for part in ("person", "image", "test"))
        for folder in (self.tests, self.folder / "home", self.image / "jobs"):
            folder.mkdir(parents=True)
        if files is None:
            shutil.copytree(SURVEY, self.root)
        for path, text in (files or {}).items():
            self.write(path, text)
        self.write("tasks/held.py", AT)
        self.edit(edits)
        self.prefix, self.remote = name + "/", "s3://%s/%s" % (BUCKET, name)
        # One Python for all, and no shim before it.
        self.path = os.path.dirname(aws.tools.python) + ":" + os.environ["PATH"]
        self.env = {"PATH": self.path, "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "TMPDIR": str(self.folder),
                    "TEST_FOLDER": str(self.tests), "AWS_ENDPOINT_URL": aws.url, "AWS_ALLOW_HTTP": "true",
                    "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "person", "AWS_SECRET_ACCESS_KEY": "secret"}
        self.write(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.commit()
        self.build()
        self.arn, self.started = None, 0

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def edit(self, edits):
        for path, old, new in edits:
            text = (self.root / path).read_text()
            assert old in text, (path, old)
            self.write(path, text.replace(old, new))

    def git(self, *words):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=self.root, env=self.env, check=True)

    def commit(self):
        self.git("add", "-A")
        self.git("commit", "--quiet", "--allow-empty", "-m", "as it is")

    def build(self):
        """What `docker build` does of the project."""
        shutil.rmtree(self.image / "project", ignore_errors=True)
        shutil.copytree(self.root, self.image / "project", ignore=NOT_IN_IMAGES)

    def kptn(self, *words, codes=(0,), env=None):
        done = subprocess.run([self.aws.tools.kptn, *words], cwd=self.root, env={**self.env, **(env or {})}, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if done.returncode not in codes:
            sys.exit("%s left with %d:\n%s%s" % (words, done.returncode, done.stdout[-3000:], done.stderr[-3000:]))
        return done.stdout

    def open(self, *words):
        """Opens a run here, as `kptn run --runner stepfunctions` does."""
        return self.kptn("run", "open", "--engine", "stepfunctions", "--keep-going", "--remote", self.remote, *words).split()[-1]

    def closed(self, run):
        """How a run ended, with the digest of all outputs."""
        return json.loads(self.kptn("run", "close", "--run", run, "--remote", self.remote, "--json", codes=(0, 1)))

    def outputs(self, *remote):
        """The digest of what the branch has: a run of nothing tells it."""
        run = self.kptn("run", "open", "--engine", "test", *remote).split()[-1]
        return json.loads(self.kptn("run", "close", "--run", run, "--json", *remote, codes=(0, 1)))["outputs"]

    def not_fresh(self):
        rows = json.loads(self.kptn("status", "--all", "--json"))["rows"]
        return [row["task"] for row in rows if row["status"] != "fresh"]

    def machine(self):
        words = ["render", "--runner", "stepfunctions", "--json"]
        files = [pathlib.Path(file["path"]) for file in json.loads(self.kptn(*words))["files"]]
        env = {"PATH": str(HERE / "image") + ":" + self.path, "TEST_IMAGE": self.image, "TEST_KPTN": self.aws.tools.kptn, "TEST_FOLDER": self.tests, **self.env_of_jobs()}
        return self.aws.machine(files, env)

    def env_of_jobs(self):
        return {}

    def start(self, run=None):
        """Starts an execution; without a run its first job opens one."""
        self.arn = self.arn or self.machine()
        self.started += 1
        name = "%s-%d" % (self.name, self.started)
        given = {"remote": self.remote, "branch": "main", "bucket": BUCKET, "prefix": self.prefix}
        return Carried(self, self.arn, name, {**given, **({"run": run} if run else {})})

    def opened(self, execution):
        """The run that an execution without one has opened."""
        key = "%sruns/%s/opened.json" % (self.prefix, execution.name)
        return json.loads(self.aws.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())["run"]

    def hold(self, *names):
        for name in names:
            (self.tests / ("hold-" + name)).touch()

    def release(self, *names):
        for name in names:
            (self.tests / ("hold-" + name)).unlink()

    def fail(self, name, times):
        (self.tests / ("fail-" + name)).write_text(str(times))

    def began(self):
        log = self.tests / "began"
        return log.read_text().split() if log.exists() else []

    def jobs(self):
        """The jobs that ended, in that order, as `open`, `fit`, `bundles fit`, `fit[]`, `close`; with their exit codes."""
        return [(short(line["words"]), line["exit"]) for line in self.aws.noted("job") if self.remote in line["words"]]

    def kill(self, job):
        """Kills the process of a job that runs, as the kernel does where memory is short."""
        pids = []
        for file in sorted((self.image / "jobs").glob("*/words")):
            pid, *words = file.read_text().split()
            if short(["kptn", *words]) == job and pathlib.Path("/proc/" + pid).exists():
                pids.append(int(pid))
        assert len(pids) == 1, (job, pids)
        os.kill(pids[0], signal.SIGKILL)


class Carried(Execution):
    """An execution of a site's machine."""

    def __init__(self, site, machine, name, given):
        self.site, self.name, self.before = site, name, len(site.jobs())
        super().__init__(site.aws, machine, name, given)

    def lines(self):
        said = [line for line in self.aws.noted("job") if self.site.remote in line["words"]]
        return ["%s: %d\n%s" % (short(line["words"]), line["exit"], line["said"]) for line in said[self.before:]]

    def jobs(self):
        """The jobs that ended since it began, sorted."""
        return sorted(job for job, _ in self.site.jobs()[self.before:])

    def finish(self, status):
        self.until(lambda: self.status() != "RUNNING", "the end of the execution")
        assert self.status() == status, "%s:\n%s\n%s" % (self.status(), "\n".join(self.lines()), self.history()[:3000])

    def until_began(self, *names):
        self.until(lambda: set(names) <= set(self.site.began()) or self.status() != "RUNNING", names)
        assert set(names) <= set(self.site.began()), "\n".join([*self.lines(), self.status(), self.history()[:3000]])

    def stop(self, *jobs):
        """Stops it; AWS ends what runs of it, here that is done by hand."""
        self.aws.states.stop_execution(executionArn=self.execution)
        for job in jobs:
            self.site.kill(job)
        # A job that is noted later would count as one of the next execution.
        self.until(lambda: self.status() != "RUNNING" and set(jobs) <= set(self.jobs()), "the end of what was stopped")


def short(words):
    kind = " ".join(words[1:3])
    if kind in ("run open", "run close"):
        return words[2]
    task = words[words.index("--graph") + 2]
    return "bundles " + task if kind == "task bundles" else task + "[]" * ("--bundle" in words)

