"""Who called what: each request of a machine or a job, as IAM would name it."""
import re
import urllib.parse

from . import processes

# The key that the interpreter calls services with, and the one that jobs are given.
WHO = {"ak": "machine", "job": "job"}


def note(module):
    """Puts a listener before the server's application."""
    plain = module.make_server

    def make_server(host, port, app, *args, **more):
        def heard(environ, start):
            who = _who(environ)
            if who:
                processes.note(kind="call", who=who, **_what(environ))
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
    return {"service": service, "method": environ["REQUEST_METHOD"], "path": path, "target": target.split(".")[-1],
            "query": environ.get("QUERY_STRING", "")}
