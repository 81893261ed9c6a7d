"""Who called what: each request of a machine, a job or somebody who deploys, as IAM would name it."""
import io
import json
import pathlib
import re
import threading
import urllib.parse

from . import processes

# The key that the interpreter calls services with, the one that jobs are given, that of `kptn deploy aws`, and that of who runs.
KEPT = ("TableName", "jobQueue", "jobDefinition", "tags", "executionArn", "stateMachineArn")
WHO = {"ak": "machine", "job": "job", "deployer": "deployer", "person": "person"}


# What a service says that has too much to do.
ID = ("x-amzn-RequestId", "0")
REFUSED = {
    "batch": ("429 Too Many Requests", [ID, ("x-amzn-ErrorType", "TooManyRequestsException")], b"{}"),
    "s3": ("503 Slow Down", [("x-amz-request-id", "0")], b"<Error><Code>SlowDown</Code><Message>slow down</Message><RequestId>0</RequestId></Error>"),
    "states": ("400 Bad Request", [ID, ("x-amzn-ErrorType", "ThrottlingException")], b"{}"),
}


class Refusals:
    """The next calls of a machine to a service that are refused, those of jobs to S3, and those for a history; the file says how many."""

    def __init__(self, file):
        self.file, self.lock, self.asked = pathlib.Path(file), threading.Lock(), 0

    def take(self, who, call):
        name = call["service"] if who == "machine" else call["service"] + " of jobs"
        name = "lists" if who == "machine" and call["path"].endswith("/bundles.json") else name
        # Storing a token is not tried again, and where nobody says that a task is fresh, a job looks.
        if who == "machine" and (call["method"] in ("PUT", "HEAD") or call["path"] == "/v1/describejobs"):
            return False
        if who == "person":
            name = call["target"]
            if name != "GetExecutionHistory":
                return False
        if call["service"] not in REFUSED:
            return False
        with self.lock:
            self.asked += 1
            # A job gives up where nothing else is said to it.
            if who == "job" and self.asked % 3:
                return False
            left = json.loads(self.file.read_text()) if self.file.exists() else {}
            if left.get(name, 0) < 1:
                return False
            left[name] -= 1
            self.file.write_text(json.dumps(left))
            return True


def note(module, refuse):
    """Puts a listener before the server's application."""
    plain, refusals = module.make_server, Refusals(refuse)

    def make_server(host, port, app, *args, **more):
        def heard(environ, start):
            who = _who(environ)
            if who:
                call = _what(environ)
                processes.note(kind="call", who=who, **call)
                if refusals.take(who, call):
                    status, headers, body = REFUSED[call["service"]]
                    start(status, headers)
                    return [body]
            return app(environ, start)

        return plain(host, port, heard, *args, **more)

    module.make_server = make_server


def _who(environ):
    found = re.search(r"Credential=([^/]+)/[^/]+/[^/]+/([^/]+)/", environ.get("HTTP_AUTHORIZATION", ""))
    return WHO.get(found.group(1)) if found else None


def _what(environ):
    service = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", environ["HTTP_AUTHORIZATION"]).group(1)
    path = urllib.parse.unquote(environ.get("PATH_INFO", ""))
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    body = {}
    if service in ("cloudformation", "sts"):
        target = urllib.parse.parse_qs(_read(environ).decode())["Action"][0]
    partitions = []
    if service in ("batch", "states", "dynamodb"):
        raw = _read(environ)
        body = json.loads(raw or b"{}")
        partitions = sorted(set(re.findall(r'":?pk":\{"S":"([^"]*)"', raw.decode()))) if service == "dynamodb" else []
    return {"service": service, "method": environ["REQUEST_METHOD"], "path": path, "query": environ.get("QUERY_STRING", ""),
            "target": target.split(".")[-1],
            "partitions": partitions, "tables": sorted(body.get("RequestItems", [])), "body": {name: body[name] for name in KEPT if name in body}}


def _read(environ):
    """What a request is about is said in its body; the server reads that after us."""
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(raw)
    return raw
