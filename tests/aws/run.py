#!/usr/bin/env python3
"""Carries out rendered state machines in an emulator of AWS, with a stub in place of kptn.

    ENVIRONMENT/bin/python tests/aws/run.py KPTN ENVIRONMENT [TEST ...]

ENVIRONMENT is what tests/setup/aws.sh makes. Nothing goes by time: tasks wait for files that the tests take away.
"""
import hashlib
import json
import pathlib
import random
import re
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import allowed  # noqa: E402
from machines import BUCKET, Graph, Run, keys_of, main  # noqa: E402

DIAMOND = {"a": [], "b": ["a"], "c": [], "d": ["b", "c"], "list": [], "p": ["list", "a"], "e": ["p", "d"]}


def diamond(aws, name, **more):
    graph = Graph(DIAMOND, mapped=["p"], more=more)
    return graph, graph.render(aws.tools, aws.folder / name)


def ended(run):
    return [line[4:] for line in run.lines() if line.startswith("end ")]


def test_a_side_branch_is_not_waited_for(aws):
    graph, files = diamond(aws, "side")
    run = Run(aws, graph, files, hold=["p[1]"], bundles={"p": 3})
    run.until(lambda: run.ended() == {"a", "b", "c", "d", "list"}, "all that does not depend on p")
    assert run.status() == "RUNNING" and "begin e" not in run.lines()
    run.release("p[1]")
    run.finish("SUCCEEDED")
    jobs = ended(run)
    assert jobs[-2:] == ["e", "close"] and jobs.index("bundles of p") < jobs.index("p[0]") < jobs.index("p"), jobs
    assert sorted(jobs) == sorted([*DIAMOND, "bundles of p", "p[0]", "p[1]", "p[2]", "close"]), jobs


def test_a_failure_stops_what_depends_on_it_alone(aws):
    graph, files = diamond(aws, "failure")
    for bad, begun in [("c", "a b c list p"), ("a", "a c list"), ("e", "a b c d e list p")]:
        run = Run(aws, graph, files, fail={bad: ""})
        run.finish("FAILED")
        assert run.begun() == set(begun.split()), (bad, run.lines())
        assert run.lines()[-1] == "end close", "the run is closed all the same"
        assert "kptn.TasksFailed" in run.history()
        lost = [file["Key"] for file in aws.s3.list_objects_v2(Bucket=BUCKET, Prefix=run.folder.name)["Contents"] if file["Key"].endswith("/lost")]
        assert [key.split("/")[-2] for key in lost] == [bad], lost
        said = json.loads(aws.s3.get_object(Bucket=BUCKET, Key=lost[0])["Body"].read())
        assert json.loads(said["Cause"])["JobName"] == "kptn-g-" + bad, said


def test_fresh_tasks_start_no_container(aws):
    graph, files = diamond(aws, "fresh")
    run = Run(aws, graph, files, fresh=["a", "c", "list", "p"])
    run.finish("SUCCEEDED")
    assert sorted(ended(run)) == ["b", "close", "d", "e"], run.lines()
    run = Run(aws, graph, files, fresh=DIAMOND)
    run.finish("SUCCEEDED")
    assert ended(run) == ["close"], run.lines()


def test_an_execution_without_a_run_opens_one(aws):
    graph, files = diamond(aws, "plan")
    run = Run(aws, graph, files, run=None)
    run.finish("SUCCEEDED")
    assert ended(run)[0] == "open" and ended(run)[-1] == "close", run.lines()
    words = [line["words"] for line in aws.noted("job") if line["job"] == "kptn-g-e"][-1]
    opened = "run-of-" + run.folder.name
    assert words == ["kptn", "task", "run", "--graph", "g", "e", "--no-retries", "--run", opened, "--remote", run.remote], words
    run = Run(aws, graph, files, run=None, fail={"open": ""})
    run.finish("FAILED")
    assert run.lines() == ["begin open", "fail open"] * 3, "tried again, and nothing else begun"


def test_retries_are_the_engines(aws):
    graph, files = diamond(aws, "retries", b=["retries: 2"], p=["retries: 1"], list=["timeout: 90s"])
    run = Run(aws, graph, files, fail={"b": 2, "p[0]": 1, "bundles of p": 1})
    run.finish("SUCCEEDED")
    count = run.lines().count
    assert (count("begin b"), count("begin p[0]"), count("begin p[1]"), count("begin bundles of p")) == (3, 2, 1, 2)
    run = Run(aws, graph, files, fail={"b": 3, "c": 1})
    run.finish("FAILED")
    assert (run.lines().count("begin b"), run.lines().count("begin c")) == (3, 1), run.lines()
    job = json.dumps([event for event in run.events() if "kptn-g-list" in json.dumps(event, default=str)], default=str)
    assert r'\"AttemptDurationSeconds\":990' in job.replace(" ", "") or "990" in job, "a timeout, and time to fetch and send"


def test_a_mapped_task_has_as_many_jobs_as_bundles(aws):
    graph, files = diamond(aws, "mapped", p=["group_size: 2"])
    run = Run(aws, graph, files, bundles={"p": 0})
    run.finish("SUCCEEDED")
    assert "end p" in run.lines() and not any("p[" in line for line in run.lines()), run.lines()
    # A bundle that fails holds up no other, and the last job tells what became of the task.
    run = Run(aws, graph, files, bundles={"p": 5}, fail={"p[1]": "", "p": ""}, hold=["p[0]", "p[2]"])
    run.until(lambda: "fail p[1]" in run.lines() or {"begin p[0]", "begin p[2]"} <= set(run.lines()), "two bundles")
    assert sum(line.startswith("begin p[") for line in run.lines()) <= 3, "two at once"
    run.release("p[0]")
    run.release("p[2]")
    run.finish("FAILED")
    assert sum(line.startswith("begin p[") for line in run.lines()) == 5 and "fail p" in run.lines(), run.lines()
    assert run.begun() == set(DIAMOND) - {"e"}, run.lines()


def test_two_thousand_bundles(aws):
    # Each that runs is asked after all the time.
    graph = Graph({"list": [], "p": ["list"]}, mapped=["p"], more={"p": ["group_size: 16"]})
    run = Run(aws, graph, graph.render(aws.tools, aws.folder / "thousands"), bundles={"p": 2000})
    run.patience = 1200
    run.finish("SUCCEEDED")
    jobs = ended(run)
    assert len([job for job in jobs if job.startswith("p[")]) == len(set(jobs)) - 4 == 2000, len(jobs)
    assert jobs[-2:] == ["p", "close"] and jobs.index("p") == len(jobs) - 2


def test_calls_that_are_refused_are_made_again(aws):
    graph, files = diamond(aws, "refused")
    refuse = aws.folder / "refuse.json"
    refuse.write_text(json.dumps({"batch": 4, "s3": 12, "states": 3, "lists": 3}))
    run = Run(aws, graph, files)
    run.finish("SUCCEEDED")
    assert json.loads(refuse.read_text()) == {"batch": 0, "s3": 0, "states": 0, "lists": 0}
    assert sorted(ended(run)) == sorted([*DIAMOND, "bundles of p", "p[0]", "p[1]", "close"]), run.lines()


def test_names_are_only_names(aws):
    long = "x" * 150
    deps = {"été #1 $x (a)": [], "class": ["été #1 $x (a)"], "日本 %s": [], long + "1": ["class", "日本 %s"], long + "2": ["class"],
            "gates": [long + "1"], "open": ["日本 %s"], "class end": ["open"]}
    graph = Graph(deps)
    files = graph.render(aws.tools, aws.folder / "names")
    aws.tools.validate(files)
    run = Run(aws, graph, files)
    run.finish("SUCCEEDED")
    assert run.begun() - {"open"} == set(deps) - {"open"}, run.lines()


def test_every_machine_is_valid(aws):
    sizes = [1, 1, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25, 30, 40, 50, 70, 100, 140, 200]
    files = []
    for seed, size in enumerate(sizes):
        graph = Graph.random(seed, size)
        made = graph.render(aws.tools, aws.folder / "valid" / str(seed))
        again = graph.render(aws.tools, aws.folder / "again" / str(seed))
        assert [file.read_bytes() for file in made] == [file.read_bytes() for file in again], "made alike"
        files += made
    aws.tools.validate(files)


def test_random_graphs_run_in_their_own_order(aws):
    for seed, size in enumerate([1, 2, 3, 5, 8, 13, 20, 30]):
        graph = Graph.random(seed, size)
        choice = random.Random(seed)
        files = graph.render(aws.tools, aws.folder / "random" / str(seed))
        held = choice.sample(list(graph.deps), min(size, 3))
        bad = choice.sample(list(graph.deps), 1 if seed % 2 else 0)
        fresh = set(choice.sample(list(graph.deps), size // 4)) - {*held, *bad}
        run = Run(aws, graph, files, hold=held, fresh=fresh, fail={name: "" for name in bad})
        may = set(graph.deps) - fresh - graph.after(bad)
        waiting = list(held)
        while waiting:
            # All that waits for no held task ends, while the held ones go on.
            free = may - set(waiting) - graph.after(waiting) - set(bad)
            run.until(lambda: run.ended() == free, "%s of %s" % (free, graph.deps))
            run.release(waiting.pop())
        run.finish("FAILED" if bad else "SUCCEEDED")
        assert run.begun() == may, (run.begun() ^ may, graph.deps)
        counted = int(re.search(r'"Comment":"at most (\d+) events', files[0].read_text()).group(1))
        events = len(run.events())
        print("   %3d tasks, %4d events of %4d" % (size, events, counted), flush=True)
        assert events <= counted and (bad or fresh or events > counted / 3), (events, counted)


def test_a_graph_too_large_for_one_machine_becomes_some(aws):
    # Long names and mapped tasks make much text of few states.
    names = ["%s %d" % ("日" * 62, at) for at in range(90)]
    graph = Graph({name: names[:1] * (at > 0) + names[max(at - 3, 1):max(at - 1, 1)] for at, name in enumerate(names)}, mapped=names[1:])
    files = graph.render(aws.tools, aws.folder / "large")
    assert [file.name for file in files] == ["g.asl.json", "g.part1.asl.json", "g.part2.asl.json"], [file.stat() for file in files]
    aws.tools.validate(files)
    some = [names[0], names[40], names[89]]
    run = Run(aws, graph, files, fresh=set(names) - set(some))
    run.finish("SUCCEEDED")
    assert [job for job in ended(run) if job in [*some, "close"]] == [*some, "close"], run.lines()


def test_many_gates_are_opened_elsewhere(aws):
    graph = Graph({"root": [], **{"t%d" % at: ["root"] for at in range(45)}, "last": ["t1", "t44"]})
    files = graph.render(aws.tools, aws.folder / "wide")
    aws.tools.validate(files)
    run = Run(aws, graph, files, fresh=set(graph.deps) - {"root", "t44", "last"})
    run.finish("SUCCEEDED")
    assert ended(run) == ["root", "t44", "last", "close"], run.lines()


# Calls that the services make for themselves, which the emulator has no need of.
BY_THE_SERVICE = {
    "events:DescribeRule", "events:PutRule", "events:PutTargets", "batch:TerminateJob", "states:StartExecution",
    "states:DescribeExecution", "states:StopExecution",
}


def test_a_stack_is_made_of_the_template_and_its_roles_allow_what_is_done(aws):
    graph, files = diamond(aws, "stack")
    lint = subprocess.run([str(aws.tools.environment / "bin/cfn-lint"), str(graph.template)], stdout=subprocess.PIPE, text=True)
    assert lint.returncode == 0, lint.stdout
    formation = aws.client("cloudformation")

    def stack(name, **given):
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
        text = graph.template.read_text()
        formation.create_stack(StackName=name, TemplateBody=text, Parameters=given, Capabilities=["CAPABILITY_IAM"])
        made = formation.describe_stacks(StackName=name)["Stacks"][0]
        assert made["StackStatus"] == "CREATE_COMPLETE", made
        return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}

    # First all but the machines, whose text has nowhere to be yet.
    first = stack("first", Machines="no")
    assert "MachineG" not in first and first["Remote"] == "s3://%s/kptn/" % first["BucketName"], first
    text = files[0].read_text()
    key = re.search(r"kptn-machines/g-[0-9a-f]{16}.asl.json", graph.template.read_text()).group()
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())
    made = stack("second", ExistingBucket=BUCKET)
    for name, safe in keys_of(files).items():
        (aws.stub / "key" / hashlib.sha256(name.encode()).hexdigest()[:16]).write_text(safe)
    before = len(aws.noted("call"))
    given = {"remote": made["Remote"], "branch": "main", "bucket": BUCKET, "prefix": "kptn/"}

    def carried_out(name, status, *ended):
        started = aws.states.start_execution(stateMachineArn=made["MachineG"], name=name, input=json.dumps(given))
        while (now := aws.states.describe_execution(executionArn=started["executionArn"]))["status"] == "RUNNING":
            time.sleep(0.1)
        lines = (aws.stub / "log").read_text().splitlines()
        assert now["status"] == status and {"end " + one for one in ended} <= set(lines), (now, lines)

    carried_out("once", "SUCCEEDED", "open", "e", "p[1]", "close")
    # What fails is written down.
    (aws.stub / "fail" / hashlib.sha256(b"e").hexdigest()[:16]).write_text("")
    carried_out("again", "FAILED")

    calls = [call for call in aws.noted("call")[before:] if call["who"] == "machine"]
    roles = formation.describe_stack_resources(StackName="second")["StackResources"]
    role = next(one["PhysicalResourceId"] for one in roles if one.get("LogicalResourceId") == "MachineRole")
    missing, unused = allowed.compare(allowed.grants(aws.client("iam"), role), calls)
    assert not missing, "done, and not allowed: %s" % missing
    unused = {grant for grant in unused if grant[0] not in BY_THE_SERVICE}
    assert not unused, "allowed, and not done: %s" % unused


def test_what_is_there_already_is_named_and_not_made_again(aws):
    graph, files = diamond(aws, "existing")
    text, formation = graph.template.read_text(), aws.client("cloudformation")
    key = re.search(r"kptn-machines/g-[0-9a-f]{16}.asl.json", text).group()
    aws.s3.put_object(Bucket=BUCKET, Key=key, Body=files[0].read_text().encode())
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    bound = aws.client("iam").create_policy(PolicyName="bound", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
    environment = aws.client("batch").describe_compute_environments()["computeEnvironments"][0]["computeEnvironmentArn"]

    def made(name, **given):
        given = [{"ParameterKey": key, "ParameterValue": value} for key, value in {"ExistingBucket": BUCKET, **given}.items()]
        formation.create_stack(StackName=name, TemplateBody=text, Parameters=given, Capabilities=["CAPABILITY_IAM"])
        found = formation.describe_stacks(StackName=name)["Stacks"][0]
        assert found["StackStatus"] == "CREATE_COMPLETE", formation.describe_stack_events(StackName=name)["StackEvents"]
        kinds = [event["ResourceType"] for event in formation.describe_stack_events(StackName=name)["StackEvents"]
                 if event["ResourceStatus"] == "CREATE_COMPLETE" and event["LogicalResourceId"] != name]
        return {one["OutputKey"]: one["OutputValue"] for one in found["Outputs"]}, sorted(kind.split("::", 1)[1] for kind in kinds)

    role = {name: aws.role for name in ("ExistingJobRole", "ExistingExecutionRole", "ExistingMachineRole")}
    image = "example.org/team/kptn@sha256:0a"
    outputs, kinds = made("bare", ExistingQueue=aws.names["JobQueue"], ExistingLogGroup="/team/kptn", ExistingImage=image, **role)
    assert kinds == ["Batch::JobDefinition", "IAM::ManagedPolicy", "StepFunctions::StateMachine"], kinds
    assert (outputs["LogGroup"], outputs["JobRoleArn"]) == ("/team/kptn", aws.role) and "RepositoryUri" not in outputs, outputs
    machine = aws.states.describe_state_machine(stateMachineArn=outputs["MachineG"])
    assert aws.names["JobQueue"] in machine["definition"] and machine["roleArn"] == aws.role
    job = aws.client("batch").describe_job_definitions(jobDefinitionName="bare")["jobDefinitions"][-1]["containerProperties"]
    assert (job["image"], job["jobRoleArn"], job["executionRoleArn"]) == (image, aws.role, aws.role), job

    # A queue of its own on somebody's compute environment, an image in somebody's repository, roles within bounds.
    outputs, kinds = made("half", ExistingComputeEnvironment=environment, ExistingRepository="team/kptn", PermissionsBoundary=bound,
                          JobPolicies=bound)
    assert kinds == ["Batch::JobDefinition", "Batch::JobQueue", *["IAM::ManagedPolicy"], *["IAM::Role"] * 3, "Logs::LogGroup",
                     "StepFunctions::StateMachine"], kinds
    assert outputs["RepositoryUri"].endswith(".dkr.ecr.us-east-1.amazonaws.com/team/kptn"), outputs
    roles = [one["PhysicalResourceId"] for one in formation.describe_stack_resources(StackName="half")["StackResources"]
             if one.get("ResourceType") == "AWS::IAM::Role"]
    found = [aws.client("iam").get_role(RoleName=name)["Role"] for name in roles]
    assert [one["PermissionsBoundary"]["PermissionsBoundaryArn"] for one in found] == [bound] * 3, found
    start = next(allowed.grants(aws.client("iam"), name) for name in roles if "ExecutionRole" in name)
    pulled = {resource.rsplit(":", 1)[1] for action, resource in start if action == "ecr:BatchGetImage"}
    assert pulled == {"repository/team/kptn"}, start

    # Endpoints are made in a network of its own alone, and let nobody but jobs in.
    _, kinds = made("private", EcrEndpoints="yes", PublicAddress="DISABLED")
    assert kinds.count("EC2::VPCEndpoint") == 4 and kinds.count("EC2::SecurityGroup") == 2, kinds
    _, kinds = made("open")
    assert kinds.count("EC2::VPCEndpoint") == 1 and kinds.count("EC2::SecurityGroup") == 1, kinds


def test_what_is_billed_is_what_the_guide_says(aws):
    def entered(execution):
        pages = aws.states.get_paginator("get_execution_history").paginate(executionArn=execution)
        return sum(event["type"].endswith("StateEntered") for page in pages for event in page["events"])

    def states(name, deps, mapped=(), **more):
        graph = Graph(deps, mapped=mapped)
        run = Run(aws, graph, graph.render(aws.tools, aws.folder / "billed" / name), **more)
        run.finish("SUCCEEDED")
        return entered(run.execution)

    one, chain = states("one", {"a": []}), states("chain", {"a": [], "b": ["a"]})
    assert (one - (chain - one), chain - one) == (7, 2), "a run, and a task after another one"
    assert states("two", {"a": [], "b": []}) - one == 3, "a task with a branch of its own"
    assert chain - states("fresh", {"a": [], "b": ["a"]}, fresh=["b"]) == 1, "a fresh task"
    wide = {"a": [], "b": [], "x": []}
    edges = [states("edges%d" % count, {**wide, "c": list(wide)[:count]}) for count in (2, 3)]
    assert edges[1] - edges[0] == 4, "an edge between branches"
    bundles = [states("bundles%d" % count, {"a": [], "p": ["a"]}, mapped=["p"], bundles={"p": count}) for count in (2, 7)]
    graph = Graph({"a": [], "p": ["a"]}, mapped=["p"])
    [file] = graph.render(aws.tools, aws.folder / "billed" / "map")
    [processor] = re.findall(r'"ItemProcessor":(.*)', file.read_text())
    assert bundles[0] == bundles[1] and processor.count('"Type":"Task"') == 1, "a bundle is one state of an execution of its own"


if __name__ == "__main__":
    main(dict(globals()), sys.argv[1:])
