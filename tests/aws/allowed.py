"""What a role may do, beside what was done with it."""
import fnmatch
import json
import re


def of_call(call):
    """The pairs of action and resource that IAM is asked for a call."""
    service, path, body = call["service"], call["path"], call["body"]
    if service == "s3":
        action = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject"}[call["method"]]
        return [(action, "arn:aws:s3:::" + path.lstrip("/"))]
    if service == "batch" and path == "/v1/submitjob":
        tags = [("batch:TagResource", "arn:aws:batch:us-east-1:123456789012:job/new")] if body.get("tags") else []
        return [("batch:SubmitJob", body["jobQueue"]), ("batch:SubmitJob", body["jobDefinition"]), *tags]
    if service == "batch" and path == "/v1/describejobs":
        return [("batch:DescribeJobs", "*")]
    if service == "states":
        on = {"SendTaskSuccess": "*"}.get(call["target"]) or body.get("executionArn") or body["stateMachineArn"]
        return [("states:" + call["target"], on)]
    raise AssertionError("a call that nobody knows: %s" % call)


def grants(client, role):
    """The pairs of action and resource that a role's policies allow."""
    found = set()
    for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
        document = client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        for statement in document["Statement"]:
            for action in listed(statement["Action"]):
                found |= {(action, resource) for resource in listed(statement["Resource"])}
    return found


def listed(value):
    return value if isinstance(value, list) else [value]


def compare(grants, calls):
    """Returns what was done and is not allowed, and what is allowed and was not done."""
    done = {pair for call in calls for pair in of_call(call)}
    allows = lambda grant, pair: grant[0] == pair[0] and fnmatch.fnmatchcase(pair[1], re.sub(r"\[", "[[]", grant[1]))
    missing = {pair for pair in done if not any(allows(grant, pair) for grant in grants)}
    unused = {grant for grant in grants if not any(allows(grant, pair) for pair in done)}
    return missing, unused
