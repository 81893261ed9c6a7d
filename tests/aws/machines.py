"""Rendered machines: made, checked, and carried out in the emulator with the stub in place of kptn."""
import contextlib
import functools
import hashlib
import json
import os
import pathlib
import random
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
BUCKET = "team-data"
# Nothing waits so long unless it waits for ever.
PATIENCE = 900


class Tools:
    """What the tests need of the machine: kptn and the environment that tests/setup/aws.sh makes."""

    def __init__(self, kptn, environment):
        self.kptn, self.environment = os.path.abspath(kptn), pathlib.Path(environment).resolve()
        self.python = str(self.environment / "bin/python")

    def validate(self, files):
        """asl-validator on each file."""
        program = self.environment / "node/node_modules/.bin/asl-validator"
        words = [str(program), *("--json-path=%s" % file for file in files)]
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert done.returncode == 0 and "invalid" not in done.stdout.lower(), done.stdout[-4000:]
        assert done.stdout.count("is valid") == len(files), done.stdout[-4000:]


class Graph:
    """Tasks and what they depend on; `mapped` ones depend on a task that makes a list."""

    def __init__(self, deps, mapped=(), more=None):
        self.deps, self.mapped, self.more = deps, set(mapped), more or {}

    @classmethod
    def random(cls, seed, count):
        choice = random.Random(seed)
        names = ["t%d" % at for at in range(count)]
        deps, mapped = {}, set()
        for at, name in enumerate(names):
            near = names[max(0, at - choice.choice([3, 8, 200])):at]
            deps[name] = choice.sample(near, min(len(near), choice.choice([0, 1, 1, 1, 2, 2, 3, 5])))
            if deps[name] and choice.random() < 0.15:
                mapped.add(name)
        return cls(deps, mapped)

    def yaml(self):
        spelt = functools.partial(json.dumps, ensure_ascii=False)
        lists = {self.deps[name][0] for name in self.mapped}
        lines = ["graphs:", "  g:", "    tasks:"]
        lines += ["      %s: [%s]" % (spelt(name), ", ".join(map(spelt, deps))) for name, deps in self.deps.items()]
        lines.append("tasks:")
        for name in self.deps:
            fields = ["file: 'tasks.py:%s'" % ("f" + str(list(self.deps).index(name)))]
            if name in lists:
                fields += ["cache_result: true", "iterable_item: 'I_%d'" % list(self.deps).index(name)]
            if name in self.mapped:
                fields.append("map_over: 'I_%d'" % list(self.deps).index(self.deps[name][0]))
            fields += self.more.get(name, [])
            lines.append("  %s: {%s}" % (spelt(name), ", ".join(fields)))
        return "\n".join(lines) + "\n"

    def render(self, tools, folder):
        """Returns the files of the machines, the one that is started first."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kptn.yaml").write_text(self.yaml())
        functions = ["def f%d():\n    pass\n" % at for at in range(len(self.deps))]
        (folder / "tasks.py").write_text("\n".join(functions))
        env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}
        words = [tools.kptn, "render", "--runner", "stepfunctions", "--runner", "aws", "--json"]
        done = subprocess.run(words, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == 0, done.stderr + self.yaml()
        files = [pathlib.Path(file["path"]) for file in json.loads(done.stdout)["files"]]
        self.template = files.pop()
        return files

    def after(self, names):
        """What depends on any of them, directly or not."""
        found = set()
        for name, deps in self.deps.items():
            if any(dep in names or dep in found for dep in deps):
                found.add(name)
        return found


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Aws:
    """The emulator, with a bucket, a queue and a job definition."""

    def __init__(self, tools, folder, program="stub", jobs=400):
        # Of jobs that no definition gives another one.
        self.stub = folder / "stub"
        for name in ("hold", "fail", "bundles", "key"):
            (self.stub / name).mkdir(parents=True)
        self.tools, self.folder = tools, folder
        (folder / "stacks").mkdir()
        (folder / "aws.jsonl").touch()
        self.log, self.port, self.runs = folder / "aws.jsonl", free_port(), 0
        words = [tools.python, "-m", "emulator", "--port", str(self.port), "--path", str(HERE / program), "--log", str(self.log),
                 "--jobs", str(jobs), "--refuse", str(folder / "refuse.json"), "--stacks", str(folder / "stacks")]
        with open(folder / "emulator.log", "w") as said:
            # Jobs are started by the thousand: no shim before Python.
            path = os.path.dirname(tools.python) + ":" + os.environ["PATH"]
            env = {**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "KPTN_STUB": str(self.stub),
                   "KPTN_STUB_BUCKET": BUCKET + "/kptn"}
            self.server = subprocess.Popen(words, cwd=HERE, stdout=subprocess.PIPE, stderr=said, text=True, env=env)
        assert self.server.stdout.readline().startswith("ready"), "the emulator did not start"
        self.url = "http://127.0.0.1:%d" % self.port
        self._make()

    def stop(self):
        self.server.terminate()
        self.server.wait()

    def client(self, service):
        import boto3
        return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", aws_access_key_id="person",
                            aws_secret_access_key="secret")

    def _make(self):
        self.s3, self.states, batch = self.client("s3"), self.client("stepfunctions"), self.client("batch")
        self.s3.create_bucket(Bucket=BUCKET)
        ec2 = self.client("ec2")
        subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
        group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
        self.role = self.client("iam").create_role(RoleName="kptn", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        place = batch.create_compute_environment(
            computeEnvironmentName="kptn", type="MANAGED", state="ENABLED", serviceRole=self.role,
            computeResources={"type": "FARGATE", "maxvCpus": 16, "subnets": [subnet], "securityGroupIds": [group]})
        order = [{"order": 1, "computeEnvironment": place["computeEnvironmentArn"]}]
        queue = batch.create_job_queue(jobQueueName="kptn", state="ENABLED", priority=1, computeEnvironmentOrder=order)
        self.names = {"JobQueue": queue["jobQueueArn"]}

    def machine(self, files, env):
        """Creates the machines of a graph; returns the one that is started."""
        self.runs += 1
        size = [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "2048"}]
        container = {"image": "kptn", "command": ["kptn"], "resourceRequirements": size, "executionRoleArn": self.role,
                     "environment": [{"name": name, "value": str(value)} for name, value in env.items()]}
        job = self.client("batch").register_job_definition(
            jobDefinitionName="kptn-%d" % self.runs, type="container", platformCapabilities=["FARGATE"],
            containerProperties=container)
        names = {**self.names, "JobDefinition": job["jobDefinitionArn"]}
        for number, file in list(enumerate(files))[1:] + [(0, files[0])]:
            text = file.read_text()
            for name, value in names.items():
                text = text.replace("${%s}" % name, value)
            made = self.states.create_state_machine(name="g%d-%d" % (self.runs, number), definition=text, roleArn=self.role)
            names["Part%d" % number] = made["stateMachineArn"]
        return names["Part0"]

    def noted(self, kind):
        """What the emulator's log has of `job` or `call`."""
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line for line in lines if line["kind"] == kind]


def keys_of(files):
    """What stands for each task in the remote's keys, as the machines have it."""
    found = {}
    for file in files:
        # Whether it is fresh is asked first; then a job names it.
        asked = re.findall(r"Format\('{}tasks/([^']+)/skip'.*\n.*'--graph','[^']+','([^']+)'", file.read_text())
        found.update({task: key for key, task in asked})
    return found


class Execution:
    """One execution of a machine."""

    patience = PATIENCE

    def __init__(self, aws, machine, name, given):
        self.aws = aws
        started = aws.states.start_execution(stateMachineArn=machine, name=name, input=json.dumps(given))
        self.execution = started["executionArn"]

    def lines(self):
        """What its jobs did, for who waits in vain."""
        return []

    def until(self, condition, what):
        deadline = time.monotonic() + self.patience
        while not condition():
            if time.monotonic() > deadline:
                sys.exit("waited in vain for %s:\n%s\n%s" % (what, "\n".join(self.lines()), self.history()[-3000:]))
            # To ask is work for the emulator as well.
            time.sleep(0.25)

    def status(self):
        return self.aws.states.describe_execution(executionArn=self.execution)["status"]

    def finish(self, status):
        self.until(lambda: self.status() != "RUNNING", "the end of the execution")
        assert self.status() == status, "%s:\n%s" % (self.status(), self.history()[:3000])

    def events(self):
        pages = self.aws.states.get_paginator("get_execution_history").paginate(executionArn=self.execution)
        return [event for page in pages for event in page["events"]]

    def history(self):
        """What went wrong in this execution and in those that it started; and in the emulator, which does not tell it."""
        states = self.aws.states
        said = (self.aws.folder / "emulator.log").read_text().split("ended with exception ")[1:]
        found = ["the interpreter: " + text[:600] for text in said]
        for machine in states.list_state_machines()["stateMachines"]:
            for one in states.list_executions(stateMachineArn=machine["stateMachineArn"])["executions"]:
                arn = one["executionArn"]
                if arn != self.execution and self.execution not in states.describe_execution(executionArn=arn)["input"]:
                    continue
                pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
                texts = [json.dumps(event, default=str, ensure_ascii=False) for page in pages for event in page["events"]]
                found += [text[:800] for text in texts if "Failed" in text and "headObject" not in text]
        return "\n".join(found)


class Run(Execution):
    """One execution with stubs for tasks."""

    def __init__(self, aws, graph, files, run="0123456789ab-01234567", fresh=(), hold=(), fail=None, bundles=None):
        self.graph = graph
        self.folder = pathlib.Path(tempfile.mkdtemp(dir=aws.folder))
        for name in ("hold", "fail", "bundles", "key"):
            (self.folder / name).mkdir()
        for name, kind in [(name, "hold") for name in hold]:
            self.file(kind, name).touch()
        for kind, files_of in (("fail", fail), ("bundles", bundles)):
            for name, text in (files_of or {}).items():
                self.file(kind, name).write_text(str(text))
        prefix = self.folder.name + "/"
        machine = aws.machine(files, {"KPTN_STUB": self.folder, "KPTN_STUB_BUCKET": BUCKET + "/" + prefix.rstrip("/")})
        keys = keys_of(files)
        for name, key in keys.items():
            self.file("key", name).write_text(key)
        for name in fresh:
            aws.s3.put_object(Bucket=BUCKET, Key="%sruns/%s/tasks/%s/skip" % (prefix, run, keys[name]), Body=b"")
        self.remote = "s3://%s/%s" % (BUCKET, prefix.rstrip("/"))
        given = {"remote": self.remote, "branch": "main", "bucket": BUCKET, "prefix": prefix}
        given.update({"run": run} if run else {})
        super().__init__(aws, machine, self.folder.name, given)

    def file(self, kind, name):
        return self.folder / kind / hashlib.sha256(name.encode()).hexdigest()[:16]

    def lines(self):
        log = self.folder / "log"
        return log.read_text().splitlines() if log.exists() else []

    def ended(self):
        """The tasks that ended well; of a mapped one, its last job counts."""
        return {line[4:] for line in self.lines() if line.startswith("end ")} & set(self.graph.deps)

    def begun(self):
        return {line[6:] for line in self.lines() if line.startswith("begin ")} & set(self.graph.deps)

    def release(self, name):
        self.file("hold", name).unlink()

    def finish(self, status):
        super().finish(status)
        self.in_order()

    def in_order(self):
        """Each task began after what it depends on had ended, and no attempt of it overlapped with another."""
        ended, fresh = set(), set(self.graph.deps) - self.begun()
        for line in self.lines():
            word, job = line.split(" ", 1)
            task = job.removeprefix("bundles of ").split("[")[0]
            if word == "begin" and task in self.graph.deps:
                missing = set(self.graph.deps[task]) - ended - fresh
                assert not missing, "%s began before %s:\n%s" % (job, missing, "\n".join(self.lines()))
            elif word == "end" and job in self.graph.deps:
                ended.add(job)


@contextlib.contextmanager
def emulator(tools, *more):
    with tempfile.TemporaryDirectory(prefix="kptn-aws-") as folder:
        aws = Aws(tools, pathlib.Path(folder), *more)
        try:
            yield aws
        finally:
            aws.stop()
            shutil.rmtree(folder, ignore_errors=True)


def main(found, words, *more):
    """Carries out the tests of a module, or those that are named, in one emulator; `more` are its other arguments."""
    tests = {name.removeprefix("test_"): test for name, test in found.items() if name.startswith("test_")}
    kptn, environment, *names = words
    with emulator(Tools(kptn, environment), *more) as aws:
        for name in names or tests:
            began = time.monotonic()
            try:
                tests[name](aws)
            except BaseException:
                print((aws.folder / "emulator.log").read_text()[-3000:], file=sys.stderr)
                raise
            print("ok %5.1f s  %s" % (time.monotonic() - began, name.replace("_", " ")), flush=True)
    print("%d passed, 0 failed" % len(names or tests))
