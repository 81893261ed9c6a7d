"""Runs the Python function of one kptn task, once or for many items.

kptn starts this file with pipes on descriptors 0 and 1. They are moved out of
the way at once, so that whatever the task reads or prints has nothing to do
with them: its input is empty, its output is its log. Then, in JSON lines:

    kptn -> here   the task: script, function, values by name; the folder
    kptn -> here   one line a call: the item's values, its seed, where its log is now
    here -> kptn   one line a call: how it ended (and the bytes of a result)

Calls may be several ahead of the answers. An answer that says `leaves` is the
last: calls that came after it are for another process.

Needs Python 3.8 and its standard library alone. What is seldom needed is
imported when it is: a start must stay cheap, for there may be thousands.
"""

import os
import sys

# A process takes no more calls than this, however well it behaves.
MOST_CALLS = 5000

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
    me = os.getpid()
    start = json.loads(requests.readline())
    task = start["task"]
    own = project.Project(task["roots"])
    own.install()
    sys.argv = [task["script"]]
    warm = task["warm"]
    kept = None
    if warm:
        _adopt_orphans()
        kept = call.own_module("kptn_worker_globals").Globals(own)
        kept.install()
    fresh = Fresh(start["folder"])
    used, calls = Used(), 0
    for line in iter(requests.readline, b""):
        request = json.loads(line)
        item = request.get("item")
        fresh.restore(request.get("seed"), request.get("log"))
        answer, result = call.attempt(own, task, item["values"] if item else {})
        if os.getpid() != me:
            # A fork of the task's own came back here; it is not ours to answer.
            os._exit(0)
        fresh.flush()
        calls += 1
        peak = used.note(answer)
        imported = own.imported()
        if imported:
            answer["imported"] = imported
        threads = _threads()
        if threads:
            answer["threads"] = threads
        if kept is not None and not kept.put_back():
            answer["leaves"] = True
        if not warm or threads or calls >= MOST_CALLS or _has_children() or _is_large(peak, task["memory_kib"]):
            answer["leaves"] = True
        if result is not None:
            answer["result_bytes"] = len(result)
        end = fresh.log_end()
        if end is not None:
            answer["log_end"] = end
        # Bytes that are no text (`\udce9` of a file's name) would make it no JSON for others.
        line = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
        answers.write(line + b"\n" + (result or b""))
        answers.flush()
        if "leaves" in answer:
            return


class Fresh:
    """Makes the process look to each call as if it had just started: what was changed is put back."""

    def __init__(self, folder):
        self.folder = folder
        self.streams = sys.stdout, sys.stderr
        self.environ = os.environ
        # Both are bytes; comparing them is cheap, making them anew is not.
        self.environment = dict(os.environ._data)
        self.seed = os.environ.encodekey("KPTN_SEED")
        self.place = os.environ.encodekey(project.VARIABLE)
        self._log_is(os.dup(1))

    def restore(self, seed, log):
        sys.stdout, sys.stderr = self.streams
        if log is not None:
            os.close(self.log)
            self._log_is(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666))
        for stream in (1, 2):
            if _file(stream) != self.file:
                os.dup2(self.log, stream)
        os.environ = self.environ
        now, wanted = os.environ._data, self.environment
        # `Project` says where it is through the environment, for processes that the task starts.
        if self.place in now:
            wanted[self.place] = now[self.place]
        if now != wanted:
            os.environ.clear()
            os.environ.update({os.environ.decodekey(key): os.environ.decodevalue(text) for key, text in wanted.items()})
        if seed is not None:
            os.environ["KPTN_SEED"] = seed
            wanted[self.seed] = now[self.seed]
        os.chdir(self.folder)
        if len(sys.argv) > 1:
            sys.argv[1:] = []
        # A module that is not loaded yet will seed itself from the system.
        random, numpy = sys.modules.get("random"), sys.modules.get("numpy.random")
        if random is not None:
            # As good a seed as its own, at less than half the price.
            random.seed(int.from_bytes(os.urandom(32), "big"))
        if numpy is not None:
            numpy.seed()

    def _log_is(self, log):
        self.log, self.file = log, _file(log)
        self.end = os.fstat(log).st_size

    def flush(self):
        for stream in (sys.stdout, sys.stderr) + self.streams:
            try:
                stream.flush()
            except Exception:
                pass

    def log_end(self):
        """Returns where the log ends now; None where nothing was added since this was asked last."""
        end = os.fstat(self.log).st_size
        if end == self.end:
            return None
        self.end = end
        return end


def _file(descriptor):
    """Tells which file a descriptor leads to; None where it is closed."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Used:
    """What this process and those it waited for have used."""

    def __init__(self):
        try:
            import resource
        except ImportError:
            resource = None
        self.resource, self.seconds = resource, 0.0
        self.seconds, _ = self._now()

    def _now(self):
        if self.resource is None:
            return 0.0, 0
        own = self.resource.getrusage(self.resource.RUSAGE_SELF)
        children = self.resource.getrusage(self.resource.RUSAGE_CHILDREN)
        seconds = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
        return seconds, max(own.ru_maxrss, children.ru_maxrss) // (1024 if sys.platform == "darwin" else 1)

    def note(self, answer):
        """Says in an answer what was used since the last one; returns the peak memory so far, in KiB."""
        seconds, peak = self._now()
        spent, self.seconds = int((seconds - self.seconds) * 1000), seconds
        if spent:
            answer["cpu_ms"] = spent
        answer["peak_kib"] = peak
        return peak


def _is_large(peak, limit):
    """Tells whether the process holds more memory than its task may have."""
    if limit is None or peak <= limit:
        return False
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024 > limit
    except OSError:
        return True


def _threads():
    """Returns the names of the threads that Python would wait for before it ends."""
    threading = sys.modules.get("threading")
    if threading is None or threading.active_count() < 2:
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
