"""Runs the Python function of one kptn task, once or for many items.

kptn starts this file with pipes on descriptors 0 and 1. They are moved out of
the way at once, so that whatever the task reads or prints has nothing to do
with them: its input is empty, its output is its log. Then, in JSON lines:

    kptn -> here   the task: script, function, values by name
    kptn -> here   one line a call: the item's values, where its log is
    here -> kptn   one line a call: how it ended (and the bytes of a result)

Needs Python 3.8 and its standard library alone. What is seldom needed is
imported when it is: a start must stay cheap, for there may be thousands.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _import_own():
    """Imports the files beside this one, and then takes their folder out of the user's sight."""
    writes, sys.dont_write_bytecode = sys.dont_write_bytecode, False
    sys.path[:] = [_HERE] + [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]
    try:
        import kptn_worker_call as call
        import kptn_worker_project as project

        return call, project
    finally:
        sys.dont_write_bytecode = writes
        sys.path.remove(_HERE)


call, project = _import_own()


def main():
    import json

    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    streams, me = (sys.stdout, sys.stderr), os.getpid()
    task = json.loads(requests.readline())
    own = project.Project(task["roots"])
    own.install()
    start = dict(os.environ)
    sys.argv = [task["script"]]
    if task["warm"]:
        _adopt_orphans()
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        _reset(request, streams, start)
        before, _ = _used()
        answer, result = call.attempt(own, task, request["item"])
        if os.getpid() != me:
            # A fork of the task's own came back here; it is not ours to answer.
            os._exit(0)
        for stream in (sys.stdout, sys.stderr, *streams):
            try:
                stream.flush()
            except Exception:
                pass
        after, answer["peak_kib"] = _used()
        answer["cpu_ms"] = after - before
        answer["imported"] = own.imported()
        answer["threads"] = _threads()
        answer["children"] = task["warm"] and _has_children()
        answer["result_bytes"] = None if result is None else len(result)
        # Bytes that are no text (`\udce9` of a file's name) would make it no JSON for others.
        line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        answers.write(line + b"\n" + (result or b""))
        answers.flush()


def _reset(request, streams, start):
    """Makes the process look as if it had just started, with the environment `start`."""
    sys.stdout, sys.stderr = streams
    if request["log"] is not None:
        log = os.open(request["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
    wanted = {**start, **request["set"]}
    # `Project` says where it is through the environment, for processes that the task starts.
    wanted[project.VARIABLE] = os.environ.get(project.VARIABLE, "")
    if dict(os.environ) != wanted:
        os.environ.clear()
        os.environ.update(wanted)
    os.chdir(request["folder"])
    sys.argv[1:] = []
    # A module that is not loaded yet will seed itself from the system.
    for name in ("random", "numpy.random"):
        module = sys.modules.get(name)
        if module is not None:
            module.seed()


def _used():
    """Returns CPU time in ms, of this process and those it waited for, and peak memory in KiB."""
    try:
        import resource
    except ImportError:
        return 0, 0
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(used.ru_utime + used.ru_stime for used in both)
    return int(seconds * 1000), max(used.ru_maxrss for used in both) // (1024 if sys.platform == "darwin" else 1)


def _threads():
    """Returns the names of the threads that Python would wait for before it ends."""
    threading = sys.modules.get("threading")
    if threading is None:
        return []
    me = threading.current_thread()
    return [thread.name for thread in threading.enumerate() if thread is not me and not thread.daemon]


def _adopt_orphans():
    """Makes what the task's own children leave behind children of this process (Linux), so that it shows."""
    try:
        import ctypes

        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
    except Exception:
        pass


def _has_children():
    """Tells whether an item left a process running; those that have ended are forgotten."""
    if not hasattr(os, "waitid"):
        return False
    try:
        while True:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                return bool(_children() - _helpers())
            os.waitpid(ended.si_pid, os.WNOHANG)
    except OSError:
        return False


def _children():
    children = set()
    for thread in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/children" % thread) as file:
            children.update(map(int, file.read().split()))
    return children


def _helpers():
    """Returns the processes that multiprocessing keeps for the next time."""
    helpers = set()
    for name, attribute in (("resource_tracker", "_resource_tracker"), ("forkserver", "_forkserver")):
        keeper = getattr(sys.modules.get("multiprocessing." + name), attribute, None)
        helpers |= {getattr(keeper, "_pid", None), getattr(keeper, "_forkserver_pid", None)}
    return helpers


if __name__ == "__main__":
    main()
elif project.VARIABLE in os.environ:
    # A process of the task's own (multiprocessing runs this file there): the same rules for imports.
    project.Project.from_text(os.environ[project.VARIABLE]).install()
