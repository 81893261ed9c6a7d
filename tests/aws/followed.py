#!/usr/bin/env python3
"""`kptn run --runner stepfunctions` in an emulator of AWS: started, followed, left, found again, stopped.

    ENVIRONMENT/bin/python tests/aws/followed.py KPTN ENVIRONMENT [TEST ...]

The stack is no more than what is looked for in one: a machine that bears its name, and outputs. What `kptn deploy aws`
makes is in deploy.py.
"""
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from machines import BUCKET, PATIENCE, main  # noqa: E402
from project import Site  # noqa: E402

KPTN_YAML = """\
settings: {aws: {stack: STACK, region: us-east-1}}
graphs:
  main:
    tasks: {a: [], b: a, c: [], d: [b, c], list: [], each: list}
tasks:
  a: {file: "tasks/all.py", outputs: [a.txt]}
  b: {file: "tasks/all.py", outputs: [b.txt], retries: 1}
  c: {file: "tasks/all.py", outputs: [c.txt]}
  d: {file: "tasks/all.py", outputs: [d.txt]}
  list: {file: "tasks/all.py:words", cache_result: true, iterable_item: word}
  each: {file: "tasks/all.py", cache_result: true, map_over: word, bundle_size: 2}
"""
TASKS = """\
import os
from pathlib import Path

from held import at


def write(name):
    at(name)
    print("this is", name)
    Path(os.environ["KPTN_OUTPUT_DIR"], name + ".txt").write_text(name)


def a():
    write("a")


def b():
    write("b")


def c():
    write("c")


def d():
    write("d")


def words():
    return ["x", "y", "z"]


def each(word):
    at("each-" + word)
    return word * 2
"""


class Deployed(Site):
    """A project whose machine a stack has made."""

    def __init__(self, aws, name):
        files = {"kptn.yaml": KPTN_YAML.replace("STACK", name), "tasks/all.py": TASKS}
        super().__init__(aws, name, files=files)
        # As stacks say it.
        self.remote += "/"
        machine = aws.states.describe_state_machine(stateMachineArn=self.machine())
        template = {
            "Resources": {"Machine": {"Type": "AWS::StepFunctions::StateMachine", "Properties": {
                "StateMachineName": name + "-main", "RoleArn": aws.role, "DefinitionString": machine["definition"]}}},
            "Outputs": {"Machine": {"Value": {"Ref": "Machine"}}, "Remote": {"Value": self.remote},
                        "LogGroup": {"Value": "/aws/batch/job"}},
        }
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))

    def words(self, *more):
        return [self.aws.tools.kptn, "run", "--runner", "stepfunctions", *more]

    def run(self, *more, codes=(0,)):
        """Runs it to its end; returns all that it said."""
        done = subprocess.run(self.words(*more), cwd=self.root, env=self.env, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
        assert done.returncode in codes, "left with %d:\n%s" % (done.returncode, done.stdout)
        return done.stdout

    def begin(self, *more, env=None):
        return subprocess.Popen(self.words(*more), cwd=self.root, env={**self.env, **(env or {})}, text=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain for %s" % what
            time.sleep(0.05)

    def until_began(self, name):
        self.until(lambda: name in self.began(), name)

    def executions(self):
        machines = self.aws.states.list_state_machines()["stateMachines"]
        arn = next(one["stateMachineArn"] for one in machines if one["name"] == self.name + "-main")
        return [one["status"] for one in self.aws.states.list_executions(stateMachineArn=arn)["executions"]]

    def ended(self):
        return sorted(job for job, _ in self.jobs())


ALL = sorted(["a", "b", "c", "d", "list", "bundles each", "each[]", "each[]", "each", "close"])


def test_it_looks_like_a_run_of_this_machine(aws):
    site = Deployed(aws, "whole")
    said = site.run()
    assert site.ended() == ALL, site.ended()
    for task in ["a", "b", "c", "d", "list", "each"]:
        assert re.search(r"\b%s\b" % task, said), said
    assert "/states/home?region=us-east-1#/v2/executions/details/arn:aws:states:us-east-1:" in said, said
    assert "6 ran" in said, said
    # What ran there is here, without having been asked for.
    assert site.not_fresh() == []
    assert site.kptn("cat", "b") == "b" and json.loads(site.kptn("cat", "each[x]")) == "xx"
    assert "this is b" in site.kptn("output", "b")
    log = site.kptn("log")
    assert "6 ran" in log and "going on" not in log, log
    said = site.run()
    assert "nothing to do" in said and site.executions() == ["SUCCEEDED"], said
    # A selection, and only what an edit reaches.
    site.edit([("tasks/all.py", 'write("c")', 'write("c")\n    write("c")')])
    site.build()
    site.run("c")
    assert site.ended() == sorted([*ALL, "c", "close"]), site.ended()


def test_what_failed_is_shown_as_here(aws):
    site = Deployed(aws, "failed")
    site.fail("b", 2)
    said = site.run(codes=(1,))
    assert "the test has b fail" in said and "this is" not in said.split("the test has b fail")[0][-10:], said
    assert "4 ran" in said and "1 failed" in said and "1 skipped" in said, said
    assert "the test has b fail" in site.kptn("output", "b"), site.kptn("output", "b")
    site.run()
    assert site.ended().count("d") == 1 and site.ended().count("a") == 1, site.ended()


def test_a_job_that_dies_without_a_word(aws):
    site = Deployed(aws, "died")
    site.hold("c")
    process = site.begin("--json")
    site.until_began("c")
    site.kill("c")
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1, said
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    lost = [event for event in events if event["event"] == "task_finished" and event["task"] == "c"]
    assert lost and lost[-1]["outcome"] == "failed" and "its job failed" in lost[-1]["error"], said
    assert events[-1]["event"] == "run_finished" and (events[-1]["failed"], events[-1]["skipped"]) == (1, 1), events[-1]
    assert "| \n" not in said, said
    has_failed(site, "c", "its job failed: ")
    site.release("c")
    site.run("state:failed")
    site.run()
    assert [site.ended().count(task) for task in "acd"] == [1, 2, 1], site.ended()
    assert "1 failed" not in site.kptn("status"), site.kptn("status")


def test_what_the_machine_caught_is_told_where_aws_tells_nothing(aws):
    site = Deployed(aws, "mute")
    site.hold("c")
    process = site.begin("--json")
    site.until_began("c")
    refuse = aws.folder / "refuse.json"
    refuse.write_text(json.dumps({"GetExecutionHistory": 1000}))
    site.kill("c")
    said = process.communicate(timeout=PATIENCE)[0]
    assert json.loads(refuse.read_text())["GetExecutionHistory"] < 1000, "it has asked"
    refuse.write_text("{}")
    assert process.returncode == 1, said
    events = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    ended = {event["task"]: event for event in events if event["event"] == "task_finished"}
    assert ended["c"]["outcome"] == "failed" and "its job failed" in ended["c"]["error"], said
    assert events[-1]["event"] == "run_finished" and (events[-1]["failed"], events[-1]["skipped"]) == (1, 1), events[-1]
    has_failed(site, "c", "its job failed: ")


def has_failed(site, task, why):
    """The state knows of a task whose job died as of any other that failed."""
    status = json.loads(site.kptn("status", task, "--json"))["rows"][0]
    assert status["status"] == "failed" and why in json.dumps(status), status
    assert why in site.kptn("output", task), site.kptn("output", task)
    log = site.kptn("log")
    assert re.search(r"\b\d failed", log), log
    assert task in site.kptn("plan", "state:failed"), site.kptn("plan", "state:failed")


def test_a_job_that_dies_while_nobody_looks(aws):
    site = Deployed(aws, "alone")
    site.hold("c")
    site.run("--detach")
    site.until_began("c")
    site.kill("c")
    site.until(lambda: "close" in site.ended(), "the close")
    said = site.run("--follow", codes=(1,))
    assert "its job failed: " in said and "1 failed" in said, said
    # What a laptop may be too small for goes on where it was.
    assert "`kptn run --runner stepfunctions state:failed`" in " ".join(said.split()), said
    has_failed(site, "c", "its job failed: ")
    assert "is in the log stream" not in site.kptn("output", "c"), "what it printed is here"


def test_jobs_that_are_refused_for_good(aws):
    site = Deployed(aws, "unwanted")
    refuse = aws.folder / "refuse.json"
    refuse.write_text(json.dumps({"batch": 1000}))
    said = site.run(codes=(1,))
    refuse.write_text("{}")
    assert "3 failed" in said and "3 skipped" in said, said
    has_failed(site, "c", "TooManyRequestsException: ")
    site.run()
    assert site.not_fresh() == []


def test_an_item_that_failed_is_tried_by_the_next_run(aws):
    site = Deployed(aws, "item")
    site.fail("each-x", 1)
    said = site.run(codes=(1,))
    assert "the test has each-x fail" in said and "1 failed" in said, said
    assert "not tried again in this run" in said, said
    assert "the test has each-x fail" in site.kptn("output", "each[x]"), site.kptn("output", "each[x]")
    site.run("state:failed")
    assert [site.began().count("each-" + item) for item in "xyz"] == [2, 1, 1], site.began()
    assert site.not_fresh() == []


def test_what_a_bundle_that_died_had_to_do_is_done_by_the_last_job(aws):
    site = Deployed(aws, "bundle")
    site.hold("each-x")
    process = site.begin()
    site.until_began("each-x")
    site.until(lambda: "each[]" in site.ended(), "the other bundle")
    site.kill("each[]")
    site.release("each-x")
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0 and "6 ran" in said, said
    assert site.began().count("each-z") == 1, site.began()


def test_a_last_job_that_dies_after_an_item_failed_in_a_bundle(aws):
    site = Deployed(aws, "last")
    site.fail("each-x", 1)
    site.hold("each-z")
    process = site.begin()
    site.until_began("each-z")
    site.until(lambda: "each[]" in site.ended(), "the other bundle")
    site.kill("each[]")
    # Batch does it again where it was cut off, and then no more.
    for began in (2, 3, 4):
        site.until(lambda: site.began().count("each-z") == began, "the last job")
        site.kill("each")
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 1 and "1 failed" in said, said
    status = {row["task"]: row["status"] for row in json.loads(site.kptn("status", "--all", "--json"))["rows"]}
    assert status["each"] == "failed", status
    printed = site.kptn("output", "each")
    assert "its job failed: " in printed and "the test has each-x fail" in printed, printed
    site.release("each-z")
    said = site.run("state:failed")
    assert "1 ran" in said and site.not_fresh() == [], said
    assert site.began().count("each-y") == 1, site.began()


def test_left_and_found_again(aws):
    site = Deployed(aws, "left")
    site.hold("c")
    process = site.begin()
    site.until_began("c")
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 130 and "--follow" in said, (process.returncode, said)
    assert site.executions() == ["RUNNING"]
    # It has its branch until it is over.
    said = site.run(codes=(3,))
    assert "is open on `main`" in said and "--follow" in said, said
    status = site.kptn("status")
    assert "goes on: `kptn run --runner stepfunctions --follow -b main`" in status and "(process" not in status, status
    # Who has changed branches since is told so before another one begins.
    said = site.run("--follow", "--detach", "-b", "elsewhere", "a", codes=(2,))
    assert "cannot be used with" in said, said
    said = site.run("--follow", "-b", "elsewhere", "a")
    assert "no run goes on on `elsewhere`" in said and "--follow -b main` follows it" in said, said
    process = site.begin("--follow")
    site.release("c")
    said = process.communicate(timeout=PATIENCE)[0]
    assert process.returncode == 0 and "6 ran" in said, said
    assert site.executions() == ["SUCCEEDED"] * 2 and site.ended() == sorted([*ALL, "a", "close"]), site.ended()
    # Started, and left at once; followed when it was over.
    site.edit([("tasks/all.py", "word * 2", "word * 3")])
    site.build()
    said = site.run("--detach")
    assert "--follow" in said, said
    site.until(lambda: "RUNNING" not in site.executions(), "the end")
    said = site.run("--follow")
    assert "1 ran" in said and site.not_fresh() == [], said


def test_what_has_finished_since_has_not_failed(aws):
    site = Deployed(aws, "since")
    site.hold("c")
    site.run("--detach")
    site.until_began("c")
    site.kill("c")
    site.until(lambda: "RUNNING" not in site.executions(), "the end")
    site.release("c")
    # One that a schedule has started, before anybody here has heard of the death.
    site.start().finish("SUCCEEDED")
    said = site.run("--follow", codes=(1,))
    assert "its job failed" in said and "1 failed" in said, said
    assert site.not_fresh() == [], site.not_fresh()
    site.run()
    assert site.ended().count("c") == 2, site.ended()


def test_stopped_by_somebody_else(aws):
    site = Deployed(aws, "console")
    site.hold("c")
    process = site.begin("--json")
    site.until_began("c")
    lines = iter(process.stdout.readline, "")
    event = next(json.loads(line) for line in lines if '"execution_started"' in line)
    assert event["page"].endswith(event["execution"]), event
    aws.states.stop_execution(executionArn=event["execution"], cause="too dear")
    site.kill("c")
    said = "".join(lines)
    process.wait(PATIENCE)
    assert process.returncode == 1 and "it was stopped" in said, said


def test_killed_before_the_execution_was_started(aws):
    # Once with a run that workers could find at the remote, once before they could.
    for point in ["run.execution.opened", "run.execution.opening"]:
        site = Deployed(aws, point.replace(".", "-"))
        process = site.begin(env={"KPTN_FAILPOINT": point + "=kill"})
        said = process.communicate(timeout=PATIENCE)[0]
        assert process.returncode == -9 and site.executions() == [], (process.returncode, said)
        said = site.run("--follow")
        assert "6 ran" in said and site.ended() == ALL, said


def test_ctrl_c_asks(aws):
    site = Deployed(aws, "asked")
    site.hold("b", "c")
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(site.root)
        os.execve(site.words()[0], site.words(), {**site.env, "TERM": "xterm"})
    said = b""

    def read_until(text):
        nonlocal said
        deadline = time.monotonic() + PATIENCE
        while not re.search(text, said):
            assert time.monotonic() < deadline, said.decode(errors="replace")[-2000:]
            try:
                said += os.read(terminal, 65536)
            except OSError:
                sys.exit("it ended before it said %r:\n%s" % (text, said.decode(errors="replace")[-2000:]))

    site.until_began("c")
    read_until(b"executions/details")
    os.write(terminal, b"\x03")
    read_until(rb"stop the execution\?")
    said = b""
    os.write(terminal, b"n\n")
    # It is followed further: what ends now is told. Ctrl-C too early would take the answer back.
    site.release("b")
    read_until(rb"1mb +\S* +\S*ran")
    read_until(rb"1meach\S* +\S*ran")
    os.write(terminal, b"\x03")
    read_until(rb"stop the execution\?")
    os.write(terminal, b"y\n")
    said = b""
    try:
        while more := os.read(terminal, 65536):
            said += more
    except OSError:
        pass
    assert b"interrupted" in said and b"2 skipped" in said, said.decode(errors="replace")[-2000:]
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code == 1 and site.executions() == ["ABORTED"], (code, site.executions())
    assert set(site.not_fresh()) == {"c", "d"}, site.not_fresh()
    site.kill("c")
    site.release("c")
    site.run()
    assert site.not_fresh() == []


def test_what_is_deployed_must_be_what_is_here(aws):
    site = Deployed(aws, "other")
    site.edit([("kptn.yaml", "retries: 1", "retries: 2")])
    said = site.run(codes=(2,))
    assert "is not what would be deployed now" in said and "kptn deploy aws" in said, said
    site.edit([("kptn.yaml", "retries: 2", "retries: 1"), ("kptn.yaml", "stack: other", "stack: nowhere")])
    said = site.run(codes=(2,))
    assert "there is no stack `nowhere` in us-east-1" in said, said
    site.edit([("kptn.yaml", "stack: nowhere", "stack: other")])
    # Nothing was opened by all that.
    assert site.executions() == [] and not any("runs/" in key for key in keys(aws, site.prefix)), keys(aws, site.prefix)
    assert "6 ran" in site.run()


def keys(aws, prefix):
    return [one["Key"] for one in aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


if __name__ == "__main__":
    main(dict(globals()), sys.argv[1:], "image")
