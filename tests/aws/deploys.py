#!/usr/bin/env python3
"""`kptn deploy aws`, the real program, against an emulator of AWS, with a stand-in for the docker client.

    ENVIRONMENT/bin/python tests/aws/deploys.py KPTN ENVIRONMENT [TEST ...]

ENVIRONMENT is what tests/setup/aws.sh makes. Nothing goes by time: stacks wait for files that the tests take away.
"""
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shlex
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from machines import HERE, PATIENCE, main  # noqa: E402

YAML = """\
# What we survey, and how.
graphs:
  survey:
    tasks: {A: , B: A}  # two steps
tasks:
  A: {file: "tasks.py:A", outputs: [a.txt]}
  B: {file: "tasks.py:B", outputs: [b.txt]}
# The end.
"""
TASKS = "def A(output_dir):\n    (output_dir / 'a.txt').write_text('a')\n\ndef B(output_dir):\n    (output_dir / 'b.txt').write_text('b')\n"
PASSWORD = "{}-auth-token"


class Project:
    """A project in a repository, with a stack of its own."""

    def __init__(self, aws, name):
        self.aws, self.stack = aws, "kptn-" + name
        self.folder = aws.folder / name / pathlib.Path(name).name
        self.folder.mkdir(parents=True)
        self.notes = aws.folder / name / "docker.jsonl"
        self.write("kptn.yaml", YAML)
        self.write("tasks.py", TASKS)
        self.env = {
            "PATH": "%s:%s" % (HERE / "docker", os.environ["PATH"]), "HOME": str(aws.folder / name), "LANG": "C.UTF-8",
            "NO_COLOR": "1", "DOCKER_NOTES": str(self.notes), "AWS_ENDPOINT_URL": aws.url, "AWS_ALLOW_HTTP": "true",
            "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "deployer", "AWS_SECRET_ACCESS_KEY": "secret",
            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
        }
        subprocess.run("git init -q -b main && git add -A && git commit -qm start", shell=True, cwd=self.folder, env=self.env, check=True)
        self.formation = aws.client("cloudformation")

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def head(self):
        done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=self.folder, env=self.env, check=True, stdout=subprocess.PIPE, text=True)
        return done.stdout.strip()

    def commit(self):
        subprocess.run("git add -A && git commit -qm more", shell=True, cwd=self.folder, env=self.env, check=True)

    def read(self, name):
        return (self.folder / name).read_text()

    def edit(self, name, old, new):
        text = self.read(name)
        assert text.count(old) == 1, text
        self.write(name, text.replace(old, new))

    def kptn(self, *words, exits=0, env=()):
        words = [self.aws.tools.kptn, *words]
        done = subprocess.run(words, cwd=self.folder, env={**self.env, **dict(env)}, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode == exits, "%s: %s\n%s%s" % (words[1:], done.returncode, done.stdout, done.stderr)
        # What lets one push is never seen.
        assert "auth-token" not in done.stdout + done.stderr, done.stderr
        return done.stdout + done.stderr

    def of(self, name):
        """The outputs of another stack."""
        stack = self.formation.describe_stacks(StackName=name)["Stacks"][0]
        return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}

    def deploy(self, *words, **more):
        return self.kptn("deploy", "aws", "--yes", *words, **more)

    def start(self, *words, env=()):
        return subprocess.Popen([self.aws.tools.kptn, "deploy", "aws", "--yes", *words], cwd=self.folder,
                                env={**self.env, **dict(env)}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.PIPE, text=True)

    def found(self):
        stacks = self.formation.describe_stacks()["Stacks"]
        return next((stack for stack in stacks if stack["StackName"] == self.stack), None)

    def status(self):
        stack = self.found()
        return stack["StackStatus"] if stack else None

    def outputs(self):
        return {one["OutputKey"]: one["OutputValue"] for one in self.found()["Outputs"]}

    def parameter(self, name):
        return next(one["ParameterValue"] for one in self.found()["Parameters"] if one["ParameterKey"] == name)

    def calls(self):
        """The calls of docker since the last look."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        self.notes.write_text("")
        return [json.loads(line) for line in lines]

    def keys(self):
        listed = self.aws.s3.list_objects_v2(Bucket=self.outputs()["BucketName"]).get("Contents", [])
        return sorted(one["Key"] for one in listed)

    def texts(self):
        return [key for key in self.keys() if key.startswith("kptn-machines/")]

    def definition(self):
        return self.aws.states.describe_state_machine(stateMachineArn=self.outputs()["MachineSurvey"])["definition"]

    def until(self, condition, what):
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "waited in vain for %s: %s" % (what, self.status())
            time.sleep(0.05)


@contextlib.contextmanager
def held(aws, resource, reason=""):
    """A resource that does not come about; with a reason it fails."""
    file = aws.folder / "stacks" / resource
    file.write_text(reason)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def test_one_command_makes_it_and_a_second_one_nothing(aws):
    project = Project(aws, "first")
    said = project.deploy()
    assert "123456789012" in said and "us-east-1" in said and "create complete" in said, said
    assert project.status() == "UPDATE_COMPLETE" and project.parameter("Machines") == "yes"
    # The machine is the file, with what CloudFormation puts in.
    definition = project.definition()
    assert "${" not in definition and '"Graph":"survey"' not in definition
    assert [key.rsplit("-", 1)[0] for key in project.texts()] == ["kptn-machines/survey"], project.texts()
    build, login, push = project.calls()
    label = build["words"][build["words"].index("--label") + 1]
    assert label == "org.opencontainers.image.revision=%s-dirty" % project.head(), label
    uri, tag = push["words"][1].rsplit(":", 1)
    assert build["words"][:5] == ["build", "--platform", "linux/amd64", "--tag", push["words"][1]] and build["words"][-1] == "."
    assert build["folder"] == str(project.folder.resolve()), build
    assert login["words"] == ["login", "--username", "AWS", "--password-stdin", uri.split("/")[0]], login
    assert login["input"].strip() == PASSWORD.format("123456789012"), login
    assert uri == project.outputs()["RepositoryUri"] and tag == project.parameter("Image"), (uri, tag)
    job = aws.client("batch").describe_job_definitions(jobDefinitionName=project.stack)["jobDefinitions"][-1]
    assert job["containerProperties"]["image"] == "%s:%s" % (uri, tag), job
    # All that was there stays, to the byte.
    remote = project.outputs()["Remote"].rstrip("/")
    added = "remotes:\n  prod: {url: '%s', branch: 'main', region: 'us-east-1'}\n" % remote
    added += "settings:\n  aws: {stack: '%s', region: 'us-east-1'}\n" % project.stack
    assert project.read("kptn.yaml") == YAML + added, project.read("kptn.yaml")
    assert "+   prod: {url" in said and "+   aws: {stack" in said, said

    events = len(project.formation.describe_stack_events(StackName=project.stack)["StackEvents"])
    said = project.deploy()
    assert "is up to date" in said and not project.calls(), said
    assert len(project.formation.describe_stack_events(StackName=project.stack)["StackEvents"]) == events
    assert not project.formation.list_change_sets(StackName=project.stack)["Summaries"]
    # What is rendered makes no image dirty.
    subprocess.run(["git", "commit", "-qm", "as deployed", "kptn.yaml"], cwd=project.folder, env=project.env, check=True)
    project.deploy("--rebuild")
    assert "org.opencontainers.image.revision=" + project.head() in project.calls()[0]["words"]
    # The remote works as any other.
    project.kptn("run")
    project.kptn("push", "prod")
    project.kptn("pull", "prod", "--into", "there")
    assert "b.txt" in project.kptn("path", "B", "-b", "there")


def test_a_change_goes_there_and_nothing_else(aws):
    project = Project(aws, "changed")
    project.deploy("--parameter", "MaxVcpus=64")
    [before], first = project.texts(), project.parameter("Image")
    project.calls()
    assert '"Cause":"a task of survey failed' in project.definition()
    # Code alone changes: another image, the same machine.
    project.write("tasks.py", TASKS + "# more\n")
    said = project.deploy()
    assert re.search("REPLACED +JobDefinition", said) and "upload" not in said, said
    assert [call["words"][0] for call in project.calls()] == ["build", "login", "push"]
    assert project.texts() == [before] and project.parameter("Image") != first
    # A task more: another machine, whose text goes beside the other one.
    project.edit("kptn.yaml", "tasks: {A: , B: A}", "tasks: {A: , B: A, C: B}")
    project.edit("kptn.yaml", '  B: {file', '  C: {file: "tasks.py:B"}\n  B: {file')
    project.deploy("--parameter", "LogDays=7")
    assert len(project.texts()) == 2 and before in project.texts(), project.texts()
    assert "kptn-survey-C" in project.definition()
    # What was given earlier stays.
    assert (project.parameter("MaxVcpus"), project.parameter("LogDays")) == ("64", "7")
    said = project.deploy("--parameter", "MaxVpcus=1", exits=2)
    assert "no parameter `MaxVpcus`" in said and "did you mean `MaxVcpus`" in said, said
    # A graph more moves no other.
    machine = project.outputs()["MachineSurvey"]
    project.edit("kptn.yaml", "graphs:\n", "graphs:\n  all:\n    tasks: {A: }\n")
    said = project.deploy("--no-image")
    assert project.outputs()["MachineSurvey"] == machine and project.outputs()["MachineAll"] != machine, said


def test_code_that_the_image_has_not_is_refused_before_anything_starts(aws):
    project = Project(aws, "code")
    project.deploy()
    machine = project.outputs()["MachineSurvey"]
    started = lambda: len(aws.states.list_executions(stateMachineArn=machine)["executions"])
    run = lambda *words, **more: project.kptn("run", "--runner", "stepfunctions", "--detach", *words, **more)
    project.edit("tasks.py", "write_text('b')", "write_text('c')")
    said = run(exits=2)
    assert "the image of the stack `kptn-code` differs from what is here: `B` (script.B)" in said and "`kptn deploy aws`" in said, said
    assert started() == 0
    assert "run survey" not in project.kptn("log"), project.kptn("log")
    assert "goes on" not in project.kptn("status"), project.kptn("status")
    # What is not code stops nobody, nor what the run does not reach.
    project.write("README.md", "a survey\n")
    project.write("tasks.py", "# ours\n\n" + project.read("tasks.py"))
    assert "goes on" in run("A")
    assert started() == 1
    project.deploy()
    # Where nobody has said it of an image that is there, a deployment does.
    aws.s3.delete_object(Bucket=project.outputs()["BucketName"], Key="kptn-images/%s.json" % project.parameter("Image"))
    assert "is up to date" in project.deploy()
    project.edit("tasks.py", "write_text('a')", "write_text('d')")
    assert "differs from what is here: `A` (" in run("--branch", "other", exits=2)
    assert started() == 1


def test_somebody_who_shows_it_changes_nothing(aws):
    project = Project(aws, "shown")
    said = project.kptn("deploy", "aws", "--dry-run")
    assert "Bucket" in said and "AWS::Batch::JobQueue" in said and "docker build" in said and "nothing was changed" in said, said
    assert project.status() is None and not project.calls() and not (project.folder / "flows").exists()
    assert not (project.folder / "Dockerfile").exists() and project.read("kptn.yaml") == YAML
    said = project.kptn("deploy", "aws", exits=2)
    assert "nobody is here to be asked" in said and project.status() is None, said
    project.deploy()
    project.calls()
    project.write("tasks.py", TASKS + "# more\n")
    kept = {name: project.read(name) for name in ("kptn.yaml", "flows/aws/template.yaml")}
    keys, events = project.keys(), project.formation.describe_stack_events(StackName=project.stack)["StackEvents"]
    said = project.kptn("deploy", "aws", "-n", "-p", "MaxVcpus=8")
    assert "REPLACED" in said and "it was 256" in said and "docker push" in said, said
    said = project.kptn("deploy", "aws", exits=2)
    assert "nobody is here to be asked" in said, said
    assert not project.formation.list_change_sets(StackName=project.stack)["Summaries"]
    assert project.formation.describe_stack_events(StackName=project.stack)["StackEvents"] == events
    assert project.keys() == keys and not project.calls() and {name: project.read(name) for name in kept} == kept
    report = json.loads(subprocess.run([aws.tools.kptn, "deploy", "aws", "--json", "--yes"], cwd=project.folder, env=project.env,
                                       stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True).stdout)
    assert report["stack"] == project.stack and report["outputs"]["BucketName"] == project.outputs()["BucketName"], report


def test_what_fails_is_named_and_the_same_command_goes_on(aws):
    project = Project(aws, "failing")
    with held(aws, "JobQueue", "you have reached your quota of queues"):
        said = project.deploy(exits=4)
    assert "`JobQueue` (AWS::Batch::JobQueue) failed: you have reached your quota" in said, said
    assert project.status() == "ROLLBACK_COMPLETE"
    said = project.deploy()
    assert "never came to be: `JobQueue` failed" in said and project.status() == "UPDATE_COMPLETE", said
    # A change that fails is taken back, and says so.
    image = project.parameter("Image")
    project.write("tasks.py", TASKS + "# more\n")
    with held(aws, "JobDefinition", "no more revisions"):
        said = project.deploy(exits=4)
    assert "`JobDefinition` (AWS::Batch::JobDefinition) failed: no more revisions" in said and "it goes on" in said, said
    assert project.status() == "UPDATE_ROLLBACK_COMPLETE" and project.parameter("Image") == image
    # Without an image nothing changes.
    project.write("tasks.py", TASKS + "# still more\n")
    said = project.deploy(exits=4, env={"DOCKER_FAILS": "build"})
    assert "docker build" in said and "left with exit code 7" in said, said
    assert project.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert not project.formation.list_change_sets(StackName=project.stack)["Summaries"]
    project.deploy()
    assert project.status() == "UPDATE_COMPLETE" and project.parameter("Image") != image


def test_killed_anywhere_the_same_command_goes_on(aws):
    # While AWS makes it.
    project = Project(aws, "killed")
    with held(aws, "Log"):
        running = project.start()
        project.until(lambda: project.status() == "CREATE_IN_PROGRESS", "a stack that is being made")
        running.send_signal(signal.SIGKILL)
        running.wait()
        again = project.start()
        for line in again.stderr:
            if "waiting for that" in line:
                break
    rest = again.stderr.read()
    assert again.wait() == 0, rest
    assert project.status() == "UPDATE_COMPLETE" and project.parameter("Machines") == "yes"
    # By itself, at each of its steps.
    for point in ["deploy.proposed", "deploy.applied", "deploy.applied:2", "deploy.written", "deploy.built", "deploy.uploaded"]:
        project = Project(aws, "killed-" + point.split(".")[1].replace(":", ""))
        project.kptn("deploy", "aws", "--yes", exits=-9, env={"KPTN_FAILPOINT": point + "=kill"})
        said = project.deploy()
        assert project.status() == "UPDATE_COMPLETE" and project.parameter("Machines") == "yes", (point, said)
        assert project.read("kptn.yaml").count("prod:") == 1 and project.read("kptn.yaml").count("aws:") == 1, point
        assert "is up to date" in project.deploy(), point


def test_what_is_removed_leaves_the_bucket(aws):
    project = Project(aws, "removed")
    project.deploy()
    project.kptn("run")
    project.kptn("push", "prod")
    bucket, remote, text = project.outputs()["BucketName"], project.outputs()["Remote"], project.read("kptn.yaml")
    repository = project.outputs()["RepositoryUri"].split("/", 1)[1]
    assert aws.client("ecr").describe_images(repositoryName=repository)["imageDetails"], "an image that is in the way"
    said = project.kptn("deploy", "aws", "--destroy", "--dry-run")
    assert "goes" in said and "JobQueue" in said and bucket in said and project.status() == "UPDATE_COMPLETE", said
    said = project.kptn("deploy", "aws", "--destroy", exits=2)
    assert "nobody is here to be asked" in said and project.status() == "UPDATE_COMPLETE", said
    said = project.deploy("--destroy")
    assert "is gone" in said and project.status() is None, said
    assert not [one for one in aws.client("ecr").describe_repositories()["repositories"] if one["repositoryName"] == repository]
    assert project.read("kptn.yaml") == text
    project.kptn("pull", "prod", "--into", "there")
    assert "no stack" in project.kptn("deploy", "aws", "--destroy", "--yes", exits=2)
    # And it is used again.
    project.deploy()
    assert (project.outputs()["BucketName"], project.outputs()["Remote"]) == (bucket, remote)
    assert project.read("kptn.yaml") == text
    project.kptn("pull", "prod", "--into", "there")


def test_the_guide_runs_as_it_stands(aws):
    project = Project(aws, "guide")
    project.edit("kptn.yaml", "  survey:\n", "  example:\n")
    project.kptn("run")
    guide = (HERE.parent.parent / "docs/guides/aws.md").read_text()
    lines = [line for block in guide.split("```sh\n")[1:] for line in block.split("```")[0].splitlines()]
    commands = [shlex.split(line, comments=True)[1:] for line in lines if line.startswith("kptn ")]
    ran = []
    for words in commands:
        # Runs there have a test of their own, and nothing failed that one could stand in.
        if words[0] in ("deploy", "push", "pull"):
            project.kptn(*words, *(["--yes"] if words[0] == "deploy" and "--dry-run" not in words else []))
            ran.append(words[0])
    assert ran == ["deploy", "deploy", "push", "pull", "deploy", "deploy"], ran
    assert project.status() is None
    # What is given inside a line of text is understood, too.
    project.deploy("-p", "MaxVcpus=64", "-p", "Capacity=FARGATE_SPOT")
    known = {one["ParameterKey"] for one in project.found()["Parameters"]}
    named = set(re.findall(r"`((?:Existing|Ecr|Public|Job|Log|Max|Permissions)[A-Z][A-Za-z]*|Prefix|Branch|Notify)(?:=[^`]*)?`", guide))
    assert named <= known | {"JobRole"}, named - known


def test_the_guide_lists_the_rights_of_who_deploys(aws):
    before = len(aws.noted("call"))
    project = Project(aws, "rights")
    project.kptn("deploy", "aws", "--dry-run")
    project.deploy()
    # A template that is too large to be sent is in the bucket for as long as it is read.
    project.write("flows/aws/template.yaml", project.read("flows/aws/template.yaml") + "# %s\n" % ("x" * 51_200))
    keys = project.keys()
    assert "nothing was changed" in project.kptn("deploy", "aws", "-n", "-p", "MaxVcpus=8") and project.keys() == keys, project.keys()
    project.deploy("-p", "MaxVcpus=8")
    assert project.parameter("MaxVcpus") == "8" and not any("template" in key for key in project.keys()), project.keys()
    # A run that goes on is stopped before its machine goes.
    hold = aws.stub / "hold" / hashlib.sha256(b"open").hexdigest()[:16]
    hold.touch()
    remote = {"remote": project.outputs()["Remote"], "branch": "main", "bucket": project.outputs()["BucketName"], "prefix": "kptn/"}
    aws.states.start_execution(stateMachineArn=project.outputs()["MachineSurvey"], input=json.dumps(remote))
    said = project.deploy("--destroy")
    assert "1 run that is going on is stopped first" in said, said
    hold.unlink()
    asked = set()
    for call in aws.noted("call")[before:]:
        if call["who"] == "deployer" and call["service"] != "s3":
            asked.add("%s:%s" % (call["service"], call["target"]))
        elif call["who"] == "deployer" and (call["query"] == "delete" or "/kptn-machines/" in call["path"] or "/kptn-images/" in call["path"]):
            # Keys to delete are told in a POST to the bucket.
            asked.add({"GET": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:DeleteObject"}[call["method"]])
    guide = (HERE.parent.parent / "docs/guides/aws.md").read_text()
    listed = set(guide.split("kptn itself asks for these:\n\n```text\n")[1].split("```")[0].split())
    assert asked == listed, (asked - listed, listed - asked)


def test_what_is_there_already_is_used(aws):
    project = Project(aws, "given")
    aws.client("ecr").create_repository(repositoryName="team/images")
    project.deploy("-p", "ExistingBucket=team-data", "-p", "Prefix=given/", "-p", "ExistingRepository=team/images", "--remote", "team",
                   "-p", "ExistingQueue=" + aws.names["JobQueue"])
    assert "team: {url: 's3://team-data/given', branch: 'main'" in project.read("kptn.yaml"), project.read("kptn.yaml")
    assert project.calls()[-1]["words"][1].split("/", 1)[1].startswith("team/images:")
    assert "is up to date" in project.deploy("--remote", "team")
    # An image of somebody else's is neither built nor pushed.
    project.deploy("-p", "ExistingImage=example.org/kptn:1", "--remote", "team")
    assert not project.calls()
    job = aws.client("batch").describe_job_definitions(jobDefinitionName=project.stack)["jobDefinitions"][-1]
    assert job["containerProperties"]["image"] == "example.org/kptn:1", job


def test_files_that_a_person_edited_are_not_passed_over(aws):
    project = Project(aws, "edited")
    project.deploy()
    project.edit("flows/aws/template.yaml", "Command: [kptn, --version]", "Command: [kptn, --help]")
    assert "edited" in project.deploy()
    job = aws.client("batch").describe_job_definitions(jobDefinitionName=project.stack)["jobDefinitions"][-1]
    assert job["containerProperties"]["command"] == ["kptn", "--help"], job
    # It names a machine that is no more.
    project.edit("kptn.yaml", 'outputs: [a.txt]', 'outputs: [a.txt], retries: 2')
    said = project.deploy(exits=2)
    assert "names other machines" in said and "--replace" in said, said
    project.kptn("render", "--runner", "aws", "--replace")
    project.deploy()
    project.edit("flows/survey.asl.json", '"StartAt": "run', '"StartAt":  "run')
    said = project.deploy(exits=2)
    assert "survey.asl.json` was edited by hand" in said, said


def test_a_stack_of_others_is_left_alone(aws):
    one = Project(aws, "twin")
    one.deploy()
    text = one.definition()
    # Another project, in a folder of the same name.
    other = Project(aws, "other/twin")
    for words in (["--yes"], ["--dry-run"], ["--destroy", "--yes"]):
        said = other.kptn("deploy", "aws", *words, exits=2)
        assert "there is a stack `kptn-twin` already" in said and "--stack NAME" in said, said
    assert one.definition() == text and other.calls() == [] and "prod" not in other.read("kptn.yaml")
    topic = {"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}, "Outputs": {"Topic": {"Value": {"Ref": "Topic"}}}}
    bare = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}}}
    for name, template in [("billing", topic), ("storage", bare)]:
        aws.client("cloudformation").create_stack(StackName=name, TemplateBody=json.dumps(template))
        said = one.kptn("deploy", "aws", "--stack", name, "--destroy", "--yes", exits=2)
        assert "not one of kptn's" in said, said
        assert aws.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]["StackStatus"] == "CREATE_COMPLETE"


def test_another_stack_takes_no_remote_over(aws):
    project = Project(aws, "own")
    project.deploy()
    bucket, text = project.outputs()["BucketName"], project.read("kptn.yaml")
    for words in (["--stack", "kptn-own-2"], ["--region", "eu-west-1"], ["--stack", "kptn-own-2", "--dry-run"]):
        said = project.deploy(*words, exits=2)
        assert "`prod` in kptn.yaml (s3://%s/kptn/) is of another stack" % bucket in said, said
        assert "`--remote NAME` gives" in said and "`-p ExistingBucket=%s -p Prefix=kptn/`" % bucket in said, said
    assert project.read("kptn.yaml") == text
    assert [one["StackName"] for one in project.formation.describe_stacks()["Stacks"] if one["StackName"].startswith("kptn-own-")] == []
    # With a remote of its own; what kptn.yaml says of the first one stays, and that is said.
    said = project.deploy("--stack", "kptn-own-2", "--remote", "trial")
    other = project.of("kptn-own-2")
    assert other["BucketName"] != bucket and "trial: {url: '%s'" % other["Remote"].rstrip("/") in project.read("kptn.yaml"), said
    assert "aws: {stack: 'kptn-own', region" in project.read("kptn.yaml")
    for words in ("`settings.aws` in kptn.yaml names kptn-own in us-east-1, and stays so", "`kptn pull trial` brings"):
        assert words in said, said
    assert "runs there, " not in said, said
    said = project.deploy("--stack", "kptn-own-2")
    assert "is up to date" in said and "`kptn pull trial` brings" in said, said
    # On purpose they share one.
    project.deploy("--stack", "kptn-own-3", "-p", "ExistingBucket=" + bucket, "-p", "Prefix=kptn/")
    assert project.of("kptn-own-3")["Remote"] == project.outputs()["Remote"]


def test_a_remote_that_moves_is_written_down(aws):
    project = Project(aws, "moved")
    project.deploy()
    bucket, text = project.outputs()["BucketName"], project.read("kptn.yaml")
    said = project.deploy("-p", "Prefix=late/", exits=2)
    assert "`prod` in kptn.yaml is s3://%s/kptn, and the stack's remote would be s3://%s/late" % (bucket, bucket) in said, said
    said = project.deploy("-p", "ExistingBucket=team-data", exits=2)
    assert "would be s3://team-data/kptn" in said and "`--remote NAME` writes" in said, said
    assert project.outputs()["Remote"] == "s3://%s/kptn/" % bucket and project.read("kptn.yaml") == text
    said = project.deploy("-p", "Prefix=late/", "--remote", "late")
    assert project.outputs()["Remote"] == "s3://%s/late/" % bucket, said
    assert "late: {url: 's3://%s/late'" % bucket in project.read("kptn.yaml") and "`kptn pull late` brings" in said, said
    assert "`kptn pull late` brings" in project.deploy() and project.outputs()["Remote"] == "s3://%s/late/" % bucket
    # To another bucket, where the machines' texts go, too.
    project.deploy("-p", "ExistingBucket=team-data", "-p", "Prefix=moved/", "--remote", "team")
    assert project.outputs()["Remote"] == "s3://team-data/moved/" and project.texts() and "team: {url: 's3://team-data/moved'" in project.read("kptn.yaml")
    said = project.deploy("-p", "ExistingBucket=", exits=2)
    assert "makes none of its own later" in said, said


def test_what_cannot_be_done_is_found_before_anything_is_made(aws):
    project = Project(aws, "unready")
    empty = aws.folder / "unready/empty"
    empty.mkdir()
    for env, words in [({"DOCKER_FAILS": "version"}, ["Docker does not answer", "Cannot connect to the Docker daemon"]),
                       ({"PATH": str(empty)}, ["docker"])]:
        said = project.deploy(exits=4, env=env)
        assert all(word in said for word in words), said
    (project.folder / "kptn.yaml").chmod(0o444)
    said = project.deploy(exits=4)
    assert "kptn.yaml" in said and "it is read-only" in said, said
    (project.folder / "kptn.yaml").chmod(0o644)
    said = project.deploy("--no-image", exits=2)
    assert "has no image yet" in said and "`-p ExistingImage=ADDRESS` uses" in said, said
    said = project.deploy("-p", "Image=v1", exits=2)
    assert "has no image `v1`" in said, said
    said = project.deploy("-p", "EcrEndpoints=yes", "-p", "ExistingQueue=" + aws.names["JobQueue"], exits=2)
    assert "`EcrEndpoints` is of the network that the stack makes, and with `ExistingQueue` it makes none" in said, said
    assert project.status() is None and not project.calls() and project.read("kptn.yaml") == YAML
    project.deploy()
    project.calls()
    image = project.parameter("Image")
    project.write("tasks.py", TASKS + "# more\n")
    # Later ones keep what they have.
    project.deploy("--no-image", "-p", "LogDays=7", env={"DOCKER_FAILS": "version"})
    assert project.parameter("Image") == image and not project.calls()
    said = project.deploy("-p", "Image=v1", exits=2)
    assert "has no image `v1`" in said, said
    (project.folder / "kptn.yaml").chmod(0o444)
    project.deploy()
    assert project.parameter("Image") != image


def test_two_who_deploy_one_stack_do_not_get_in_each_others_way(aws):
    project = Project(aws, "both")
    stopped = lambda one: pathlib.Path("/proc/%d/stat" % one.pid).read_text().rsplit(")", 1)[1].split()[0] == "T"

    def halted():
        """Somebody who has seen what would change, and does not go on yet."""
        one = project.start(env={"KPTN_FAILPOINT": "deploy.proposed:1=stop"})
        project.until(lambda: stopped(one), "somebody who waits")
        return one

    def goes_on(one):
        one.send_signal(signal.SIGCONT)
        said = one.stderr.read()
        return one.wait(), said

    # Both make it; one is first.
    late = halted()
    assert project.status() == "REVIEW_IN_PROGRESS"
    # Somebody who only looks takes nothing away from the other one.
    project.kptn("deploy", "aws", "--dry-run")
    assert project.status() == "REVIEW_IN_PROGRESS"
    project.deploy()
    code, said = goes_on(late)
    assert code == 3 and "somebody else is at work on the stack `kptn-both`" in said and "the same command" in said, (code, said)
    assert project.status() == "UPDATE_COMPLETE" and "is up to date" in project.deploy()
    # Both change it.
    project.write("tasks.py", TASKS + "# more\n")
    late = halted()
    project.deploy()
    code, said = goes_on(late)
    assert code == 3 and "somebody else is at work" in said, (code, said)
    assert "is up to date" in project.deploy()
    proposals = lambda: {one["ChangeSetName"] for one in project.formation.list_change_sets(StackName=project.stack)["Summaries"]}
    assert not proposals()
    # What a deployment proposed that was killed goes with a later one, and nobody else's.
    abandoned, late, others = "kptn-%012x-00000000" % 1, "kptn-%012x-00000000" % int(time.time() * 1000), "kptn-others"
    given = [one for one in project.found()["Parameters"] if one["ParameterKey"] != "MaxVcpus"] + [{"ParameterKey": "MaxVcpus", "ParameterValue": "9"}]
    for name in (abandoned, late, others):
        project.formation.create_change_set(StackName=project.stack, ChangeSetName=name, ChangeSetType="UPDATE", Parameters=given,
                                            TemplateBody=project.read("flows/aws/template.yaml"))
    project.kptn("deploy", "aws", "--dry-run")
    assert proposals() == {abandoned, late, others}, proposals()
    assert "is up to date" in project.deploy() and proposals() == {late, others}, proposals()


def test_a_kptn_yaml_that_ends_with_dots_is_written_and_lines_that_are_left_are_shown(aws):
    project = Project(aws, "ended")
    project.write("kptn.yaml", YAML + "...\n# After it.\n")
    project.deploy("-q")
    text = project.read("kptn.yaml")
    assert text.startswith(YAML + "remotes:\n  prod: {url") and text.endswith("'us-east-1'}\n...\n# After it.\n"), text
    # A form that cannot be added to: what is left to do is said, even to who wants to hear little.
    project = Project(aws, "flow")
    project.write("kptn.yaml", json.dumps({"graphs": {"survey": {"tasks": {"A": None}}}, "tasks": {"A": {"file": "tasks.py:A", "outputs": ["a.txt"]}}}))
    text = project.read("kptn.yaml")
    said = project.deploy("-q")
    remote = project.outputs()["Remote"].rstrip("/")
    assert project.read("kptn.yaml") == text and "remotes:\n  prod: {url: '%s'" % remote in said, said
    assert "settings:\n  aws: {stack: 'kptn-flow', region: 'us-east-1'}" in said, said
    said = project.deploy("--stack", "kptn-flow")
    assert "with the lines above in kptn.yaml" in said and "`kptn pull %s` brings" % remote in said, said


def test_an_image_of_ecr_may_be_pulled(aws):
    project = Project(aws, "pulled")
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/team/images:1"
    project.deploy("-p", "ExistingImage=" + image)
    arn = "arn:aws:ecr:us-east-1:123456789012:repository/team/images"
    assert project.parameter("ExistingImageRepository") == arn and not project.calls()
    roles = [one["PhysicalResourceId"] for one in project.formation.list_stack_resources(StackName=project.stack)["StackResourceSummaries"]
             if one["LogicalResourceId"] == "ExecutionRole"]
    policy = aws.client("iam").get_role_policy(RoleName=roles[0], PolicyName="start")["PolicyDocument"]
    assert [one["Resource"] for one in policy["Statement"] if "ecr:BatchGetImage" in one["Action"]] == [arn], policy
    project.deploy("-p", "ExistingImage=example.org/kptn:1")
    assert project.parameter("ExistingImageRepository") == ""


def test_a_large_template_goes_by_the_bucket(aws):
    project = Project(aws, "large")
    names = ["g%02d" % number for number in range(24)]
    project.write("kptn.yaml", YAML.replace("graphs:\n", "graphs:\n" + "".join("  %s:\n    tasks: {A: , B: A}\n" % name for name in names)))
    said = project.deploy(exits=2)
    size = (project.folder / "flows/aws/template.yaml").stat().st_size
    assert size > 51200 and "the template has %d bytes" % size in said and "ExistingBucket=NAME" in said, said
    assert project.status() is None
    project.deploy("-p", "ExistingBucket=team-data", "-p", "Prefix=large/")
    outputs = project.outputs()
    assert all("Machine" + name.capitalize() in outputs for name in names), outputs
    assert any("/kptn-machines/template-" in call["path"] for call in aws.noted("call") if call["method"] == "PUT")
    # It is there while it is read.
    assert "is up to date" in project.deploy() and "nothing was changed" in project.kptn("deploy", "aws", "-n", "-p", "MaxVcpus=8")
    assert not [key for key in project.texts() if key.startswith("kptn-machines/template-")], project.texts()


if __name__ == "__main__":
    main(dict(globals()), sys.argv[1:])
