"""What a role may do, beside what was done with it."""
import fnmatch
import json
import re


def of_call(call):
    """The pairs of action and resource that IAM is asked for a call."""
    service, path, body = call["service"], call["path"], call["body"]
    if service == "s3":
        if "/" not in path.strip("/"):
            assert "prefix=" in call["query"], "all of a bucket is listed: %s" % call
            return [("s3:ListBucket", "arn:aws:s3:::" + path.strip("/"))]
        ends = "s3:AbortMultipartUpload" if "uploadId=" in call["query"] else "s3:DeleteObject"
        # An upload in parts begins and ends with a POST.
        action = {"GET": "s3:GetObject", "HEAD": "s3:GetObject", "PUT": "s3:PutObject", "POST": "s3:PutObject", "DELETE": ends}
        return [(action[call["method"]], "arn:aws:s3:::" + path.lstrip("/"))]
    if service == "dynamodb":
        tables = [body["TableName"]] if "TableName" in body else call["tables"]
        return [("dynamodb:" + call["target"], "arn:aws:dynamodb:us-east-1:123456789012:table/" + name) for name in tables]
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
    for statement in statements(client, role):
        for action in listed(statement["Action"]):
            found |= {(action, resource) for resource in listed(statement["Resource"])}
    return found


def partitions(client, role):
    """The partitions of tables that a role's policies allow."""
    return {partition for statement in statements(client, role) for condition in statement.get("Condition", {}).values()
            for partition in listed(condition.get("dynamodb:LeadingKeys", []))}


def statements(client, role):
    for name in client.list_role_policies(RoleName=role)["PolicyNames"]:
        document = client.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        document = json.loads(document) if isinstance(document, str) else document
        yield from document["Statement"]


def listed(value):
    return value if isinstance(value, list) else [value]


def compare(grants, calls):
    """Returns what was done and is not allowed, and what is allowed and was not done."""
    done = {pair for call in calls for pair in of_call(call)}
    allows = lambda grant, pair: grant[0] == pair[0] and fnmatch.fnmatchcase(pair[1], re.sub(r"\[", "[[]", grant[1]))
    missing = {pair for pair in done if not any(allows(grant, pair) for grant in grants)}
    unused = {grant for grant in grants if not any(allows(grant, pair) for pair in done)}
    return missing, unused
