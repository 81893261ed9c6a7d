#!/usr/bin/env python3
"""Carries out a rendered state machine in an emulator of AWS, and each of its jobs with the real kptn.

    ENVIRONMENT/bin/python tests/aws/real.py KPTN ENVIRONMENT [TEST ...]

ENVIRONMENT is what tests/setup/aws.sh makes. A job starts in a folder with a copy of the project and nothing else, as in a
container; all that the jobs have in common is the bucket. Nothing goes by time: tasks wait for files that the tests take
away.
"""
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import allowed  # noqa: E402
from machines import BUCKET, main  # noqa: E402
from project import Site  # noqa: E402

# The pipeline of the engines' tests: what was slow there waits here for the test.
SURVEY = [
    ("tasks/weather.py", "import time\n", "from held import at\n"),
    ("tasks/weather.py", "time.sleep(3)", 'at("weather")'),
    ("tasks/compare.py", "def compare(output_dir):\n", 'from held import at\n\n\ndef compare(output_dir):\n    at("compare")\n'),
    ("tasks/counts.py", "def counts(states, output_dir):\n", 'from held import at\n\n\ndef counts(states, output_dir):\n    at("counts")\n'),
    ("kptn.yaml", "retries: 1, timeout: 60s", "retries: 2, timeout: 60s"),
]
# All jobs of a run of it in which nothing is fresh.
SINGLE = ["compare", "counts", "late_report", "shares", "states", "summary", "weather"]
ALL = sorted([*SINGLE, *["bundles fit", "fit", *["fit[]"] * 4], *["bundles fit_r", "fit_r", *["fit_r[]"] * 10],
              *["bundles strict", "strict", *["strict[]"] * 3]])


def survey(aws, name, *edits):
    return Site(aws, name, edits=[*SURVEY, *edits])


def local(aws):
    """What a run on one machine makes of the same project."""
    if not hasattr(aws, "expected"):
        site = survey(aws, "local")
        site.kptn("run", "survey")
        aws.expected = site.outputs()
    return aws.expected


def ends_as_a_local_run(site):
    """What a person gets who asks for the branch."""
    assert site.outputs("--remote", site.remote) == local(site.aws)
    assert site.not_fresh() == []


def test_a_run_that_a_person_opened(aws):
    site = survey(aws, "opened")
    run = site.open()
    execution = site.start(run)
    execution.finish("SUCCEEDED")
    assert execution.jobs() == sorted([*ALL, "close"]), execution.jobs()
    closed = site.closed(run)
    assert (closed["was_closed"], closed["counts"]["ran"], closed["outputs"]) == (True, 10, local(aws)), closed
    assert site.not_fresh() == []
    site.kptn("restore")
    assert (site.root / "scratch/main/late.txt").read_text() == "It was mild\n"
    assert not list((site.image / "project").rglob(".kptn")), "jobs share nothing"


def test_a_start_without_a_run_plans_first(aws):
    site = survey(aws, "scheduled")
    first = site.start()
    first.finish("SUCCEEDED")
    assert first.jobs() == sorted(["open", *ALL, "close"]), first.jobs()
    again = site.start()
    again.finish("SUCCEEDED")
    assert again.jobs() == ["close", "open"], again.jobs()
    ends_as_a_local_run(site)
    # An edit runs what it reaches.
    site.edit([("tasks/late_report.py", "It was", "It will be")])
    site.build()
    third = site.start()
    third.finish("SUCCEEDED")
    assert third.jobs() == ["close", "late_report", "open"], third.jobs()


def test_what_jobs_ask_of_the_bucket_is_what_the_guide_counts(aws):
    asked = []
    for count in (4, 12):
        names = ["t%02d" % number for number in range(count)]
        files = {"tasks.py": "def task(name, output_dir):\n    (output_dir / (name + '.txt')).write_text(name)\n",
                 "kptn.yaml": "graphs:\n  asks:\n    tasks: {%s}\ntasks:\n" % ", ".join("%s: %s" % pair for pair in zip(names, ["", *names]))
                 + "".join("  %s: {file: 'tasks.py:task', outputs: ['%s.txt'], args: {name: '%s'}}\n" % (name, name, name) for name in names)}
        site, before = Site(aws, "asks%d" % count, files=files), len(aws.noted("call"))
        site.start().finish("SUCCEEDED")
        calls = [call for call in aws.noted("call")[before:] if call["who"] == "job" and call["service"] == "s3"]
        # What AWS takes more for; what is deleted costs nothing.
        dear = [call for call in calls if call["method"] in ("PUT", "POST") or "list-type" in call["query"]]
        asked.append((len(dear), len([call for call in calls if call["method"] in ("GET", "HEAD")]) - len([call for call in dear if call["method"] == "GET"])))
    writes, reads = [(many - few) / 8 for few, many in zip(*asked)]
    print("   a task writes or lists %.1f times, and reads %.1f times" % (writes, reads), flush=True)
    guide = (pathlib.Path(__file__).resolve().parents[2] / "docs/guides/aws.md").read_text()
    said = re.search(r"about ([0-9]+) writes or lists and ([0-9]+) reads of jobs at S3", guide)
    assert said and writes <= int(said[1]) <= writes + 2 and reads <= int(said[2]) <= reads + 4, (said, writes, reads)


def test_an_edit_that_changes_nothing_starts_nothing_after_it(aws):
    site = survey(aws, "spared")
    site.kptn("run", "survey")
    edits = [("tasks/counts.py", 'f"{state},{len(state)}\\n"', '"%s,%d\\n" % (state, len(state))'),
             ("tasks/shares.R", "1 / length(states)", "1 / (0 + length(states))")]
    for number, some in enumerate([edits[:1], edits[1:], [("tasks/states.py", 'return ["AL",', 'return ["A" + "L",')]]):
        site.edit(some)
        site.build()
        edited = pathlib.Path(some[0][0]).stem
        run = site.open()
        execution = site.start(run)
        execution.finish("SUCCEEDED")
        assert execution.jobs() == sorted(["close", edited]), execution.jobs()
        counts = site.closed(run)["counts"]
        assert (counts["ran"], counts["spared"], counts["skipped"]) == (1, [2, 2, 7][number], 0), counts
    # Of two that end side by side one sees that all before the next is as it was.
    site.edit([(path, new, old) for path, old, new in edits])
    site.build()
    execution = site.start()
    execution.finish("SUCCEEDED")
    assert execution.jobs() == ["close", "counts", "open", "shares"], execution.jobs()
    ends_as_a_local_run(site)


def test_a_task_that_fails_twice_and_then_does_not(aws):
    site = survey(aws, "twice")
    site.fail("compare", 2)
    execution = site.start()
    execution.finish("SUCCEEDED")
    assert [code for job, code in site.jobs() if job == "compare"] == [1, 1, 0]
    assert execution.jobs() == sorted(["open", *ALL, "compare", "compare", "close"]), execution.jobs()
    ends_as_a_local_run(site)


def test_jobs_that_are_killed(aws):
    site = survey(aws, "killed")
    site.hold("compare", "weather")
    run = site.open()
    execution = site.start(run)
    execution.until_began("compare", "weather")
    site.kill("compare")
    execution.until(lambda: site.began().count("compare") == 2, "another attempt: it has retries")
    site.kill("weather")
    site.release("compare")
    execution.finish("FAILED")
    expected = [job for job in ALL if job != "late_report"] + ["compare", "close"]
    assert execution.jobs() == sorted(expected), execution.jobs()
    closed = site.closed(run)
    assert [closed["exit"], *(closed["counts"][one] for one in ("ran", "failed", "skipped"))] == [1, 8, 1, 1], closed
    assert site.not_fresh() == ["weather", "late_report"]
    # Nobody has followed it: the machine wrote down what it heard, and the job that closed the run read that.
    status = json.loads(site.kptn("status", "weather", "--json"))["rows"][0]
    assert status["status"] == "failed" and "its job failed: " in json.dumps(status), status
    printed = site.kptn("output", "weather")
    assert "its job failed: " in printed and "is in the log stream" in printed, printed
    site.release("weather")
    again = site.start()
    again.finish("SUCCEEDED")
    assert again.jobs() == ["close", "late_report", "open", "weather"], again.jobs()
    ends_as_a_local_run(site)


def test_a_close_that_is_killed(aws):
    site = Site(aws, "struck", squares(4))
    for point in ("run.close.gathered", "run.close.pushed"):
        site.edit([("tasks/total.py", "sum(square)", "0 + sum(square)")])
        site.build()
        (site.tests / "strike-run-close").write_text(point + "=kill")
        execution = site.start()
        execution.finish("SUCCEEDED")
        closes = [code for job, code in site.jobs()[execution.before:] if job == "close"]
        assert closes == [-9, 0], closes
    sum_of(site, 4)
    # One that says that a task failed would say it again.
    site.edit([("tasks/total.py", "0 + 0 + sum(square)", "1 / 0")])
    site.build()
    execution = site.start()
    execution.finish("FAILED")
    assert execution.jobs() == ["close", "open", "total"], execution.jobs()


def test_calls_that_are_refused_are_made_again(aws):
    site = survey(aws, "refused")
    refuse = aws.folder / "refuse.json"
    refuse.write_text(json.dumps({"batch": 4, "s3": 8, "states": 2, "s3 of jobs": 40}))
    execution = site.start(site.open())
    execution.finish("SUCCEEDED")
    assert json.loads(refuse.read_text()) == {"batch": 0, "s3": 0, "states": 0, "s3 of jobs": 0}
    assert execution.jobs() == sorted([*ALL, "close"]), execution.jobs()
    ends_as_a_local_run(site)


def stopped(site, run=None):
    """An execution that is stopped in the middle, as AWS does it: what runs is ended."""
    site.hold("counts", "weather")
    execution = site.start(run)
    execution.until_began("counts", "weather")
    ended = lambda: {"fit", "fit_r", "strict", "shares"} <= {job for job, _ in site.jobs()}
    execution.until(ended, "what does not wait")
    execution.stop("counts", "weather")
    site.release("counts", "weather")
    return execution


LEFT = ["compare", "counts", "late_report", "summary", "weather"]


def test_an_execution_that_was_stopped_goes_on_in_another(aws):
    # With the run of the first: what has ended starts no container.
    site = survey(aws, "stopped")
    first = stopped(site)
    again = site.start(site.opened(first))
    again.finish("SUCCEEDED")
    assert again.jobs() == sorted([*LEFT, "close"]), again.jobs()
    ends_as_a_local_run(site)
    # Or with another one, once that of the first is closed.
    site = survey(aws, "closed")
    run = site.open()
    stopped(site, run)
    assert site.closed(run)["counts"]["skipped"] == 5
    again = site.start()
    again.finish("SUCCEEDED")
    assert again.jobs() == sorted([*LEFT, "open", "close"]), again.jobs()
    ends_as_a_local_run(site)


def test_two_executions_on_one_branch(aws):
    site = survey(aws, "both")
    site.hold("weather")
    one, two = site.start(), site.start()
    one.until(lambda: site.began().count("weather") == 2, "both in the middle")
    site.release("weather")
    one.finish("SUCCEEDED")
    two.finish("SUCCEEDED")
    assert sorted(job for job, code in site.jobs() if code == 0) == sorted([*ALL, "open", "close"] * 2)
    assert [code for _, code in site.jobs() if code] == []
    runs = [site.opened(execution) for execution in (one, two)]
    assert [site.closed(run)["counts"]["ran"] for run in runs] == [10, 10]
    ends_as_a_local_run(site)
    third = site.start()
    third.finish("SUCCEEDED")
    assert third.jobs() == ["close", "open"], third.jobs()


LIST = """graphs: {g: {tasks: {numbers: , square: numbers, total: square}}}
settings: {py_tasks_dir: tasks}
tasks:
  numbers: {file: numbers.py, cache_result: true, iterable_item: N}
  square: {file: square.py, map_over: N, bundle_size: 1, cache_result: true}
  total: {file: total.py, cache_result: true}
"""


def squares(many):
    return {"kptn.yaml": LIST, "tasks/numbers.py": "def numbers():\n    return list(range(%d))\n" % many,
            "tasks/square.py": "def square(N):\n    return N * N\n", "tasks/total.py": "def total(square):\n    return sum(square)\n"}


def sum_of(site, many):
    site.kptn("pull", site.remote)
    assert json.loads(site.kptn("cat", "total")) == sum(number * number for number in range(many))


def test_a_bundle_a_job(aws):
    many = 100
    site = Site(aws, "many", squares(many))
    execution = site.start()
    execution.finish("SUCCEEDED")
    assert execution.jobs() == sorted(["open", "numbers", "bundles square", *["square[]"] * many, "square", "total", "close"])
    sum_of(site, many)


# What an upload in parts that does not come to its end asks for.
NOT_SEEN = {"s3:AbortMultipartUpload"}


def role_of_jobs(site):
    """What the role of the template allows, with this site's bucket and prefix; and the template."""
    site.kptn("render", "--runner", "stepfunctions", "--runner", "aws")
    template, formation = (site.root / "flows/aws/template.yaml").read_text(), site.aws.client("cloudformation")
    given = {"ExistingBucket": BUCKET, "Prefix": site.prefix, "Machines": "no"}
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]
    formation.create_stack(StackName=site.name, TemplateBody=template, Parameters=given, Capabilities=["CAPABILITY_IAM"])
    found = formation.describe_stacks(StackName=site.name)["Stacks"][0]
    assert found["StackStatus"] == "CREATE_COMPLETE", formation.describe_stack_events(StackName=site.name)["StackEvents"]
    resources = formation.describe_stack_resources(StackName=site.name)["StackResources"]
    return next(one["PhysicalResourceId"] for one in resources if one.get("LogicalResourceId") == "JobRole")


def allows_what_jobs_do(site, begun):
    """Compares what jobs asked of services since then with their role, both ways."""
    calls = [call for call in site.aws.noted("call")[begun:] if call["who"] == "job"]
    iam, role = site.aws.client("iam"), role_of_jobs(site)
    missing, unused = allowed.compare(allowed.grants(iam, role), calls)
    assert not missing, "done, and not allowed: %s" % missing
    unused = {grant for grant in unused if grant[0] not in NOT_SEEN}
    assert not unused, "allowed, and not done: %s" % unused
    partitions = {partition for call in calls for partition in call["partitions"]}
    assert partitions == allowed.partitions(iam, role), partitions
    return calls


BIG = """import random


def total(square, output_dir):
    (output_dir / "big").write_bytes(random.Random(1).randbytes(20_000_000))
    # So many that the list of them is no item of a table by itself.
    (output_dir / "small").mkdir()
    for number in range(MANY):
        (output_dir / "small" / str(number)).write_text("the file %d" % number)
    return sum(square)
"""


def big(many, more=""):
    files = squares(4)
    yaml = files["kptn.yaml"].replace("total.py, ", "total.py, outputs: [big, small], ") + more
    return {**files, "kptn.yaml": yaml, "tasks/total.py": BIG.replace("MANY", str(many))}


def test_jobs_may_do_what_they_do(aws):
    site, begun = Site(aws, "rights", big(10)), len(aws.noted("call"))
    execution = site.start()
    execution.finish("SUCCEEDED")
    assert allows_what_jobs_do(site, begun)
    sum_of(site, 4)


TABLE = "kptn-refs"


def test_branches_in_a_table(aws):
    names = {"pk": "HASH", "sk": "RANGE"}
    aws.client("dynamodb").create_table(
        TableName=TABLE, KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in names.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names], BillingMode="PAY_PER_REQUEST")
    site = Site(aws, "table", big(15_000, "remotes: {prod: {url: '%s/table', refs: 'dynamodb://%s'}}\n" % ("s3://" + BUCKET, TABLE)))
    begun = len(aws.noted("call"))
    execution = site.start()
    execution.finish("SUCCEEDED")
    calls = allows_what_jobs_do(site, begun)
    asked = {call["target"] for call in calls if call["service"] == "dynamodb"}
    assert {"GetItem", "Query", "PutItem"} <= asked, asked
    # What the machine reads is where it can, and nothing else of branches and runs.
    keys = [key["Key"] for page in aws.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=site.prefix) for key in page["Contents"]]
    below = {key.removeprefix(site.prefix).split("/")[0] for key in keys}
    assert below <= {"kptn.json", "index", "objects", "packs", "runs"}, below
    of_runs = {key.rsplit("/", 1)[1] for key in keys if key.startswith(site.prefix + "runs/") and "/gates/" not in key}
    assert of_runs == {"opened.json", "bundles.json", "skip"}, of_runs
    again = site.start()
    again.finish("SUCCEEDED")
    assert again.jobs() == ["close", "open"], again.jobs()
    sum_of(site, 4)


if __name__ == "__main__":
    main(dict(globals()), sys.argv[1:], "image", 16)
