"""Runs the Python function of one kptn task, once or for many items.

kptn starts this file with pipes on descriptors 0 and 1. They are moved out of
the way at once, so that whatever the task reads or prints has nothing to do
with them: its input is empty, its output is its log. Then, in JSON lines:

    kptn -> here   the task: script, function, values by name
    kptn -> here   one line a call: the item's values, where its log is
    here -> kptn   one line a call: how it ended (and the bytes of a result)

Needs Python 3.8 and its standard library alone. Project modules are always
read from their source: Python believes a bytecode file whose source has the
same size and second, and would run what was there before the last edit.
"""

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))
# The folder of this file holds nothing for users to import.
sys.path[:] = [entry for entry in sys.path if os.path.abspath(entry or ".") != _HERE]

import importlib
import importlib.machinery
import importlib.util
import json
import types

# Where the project's code is, and the names that stand for single files. Processes
# that the task starts find it in the environment (multiprocessing imports this file).
_VARIABLE = "KPTN_WORKER"


# ---------------------------------------------------------------- importing


class _Project:
    """What counts as the project's own code, and how it is imported."""

    def __init__(self, roots, files):
        self.roots = [os.path.realpath(root) for root in roots]
        self.files = dict(files)
        self.looked_at = set()
        self.found = set()
        self.foreign = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, sys.exec_prefix)}

    def owns(self, path):
        """Tells whether a file is the project's: below a root, and in no environment of packages."""
        path = os.path.realpath(path)
        if "site-packages" in path or "dist-packages" in path:
            return False
        if not any(_below(path, root) for root in self.roots):
            return False
        return not any(_below(path, prefix) for prefix in self.foreign if any(_below(prefix, r) for r in self.roots))

    def install(self):
        """Makes imports follow it: no bytecode for its files, and its files by their made-up names."""
        project = self
        loader = importlib.machinery.SourceFileLoader
        usual = loader.path_stats

        def path_stats(self, path):
            if project.owns(path):
                raise OSError("project code is read from its source")
            return usual(self, path)

        loader.path_stats = path_stats
        sys.meta_path.insert(0, self)
        sys.meta_path.append(_OlderProjects())

    def find_spec(self, name, path=None, target=None):
        file = self.files.get(name)
        if file is None:
            return None
        if os.path.isdir(file):
            spec = importlib.machinery.ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [file]
            return spec
        return importlib.util.spec_from_file_location(name, file)

    def load(self, script):
        """Imports a script: as a member of its package where it is in one, else under a name of its own."""
        folder, file = os.path.split(script)
        stem = os.path.splitext(file)[0]
        names, above = [stem], folder
        while os.path.isfile(os.path.join(above, "__init__.py")) and os.path.basename(above).isidentifier():
            names.insert(0, os.path.basename(above))
            above = os.path.dirname(above)
        for entry in reversed([folder] + self.roots):
            if entry not in sys.path:
                sys.path.insert(0, entry)
        if len(names) > 1 and stem.isidentifier():
            if above not in sys.path:
                sys.path.insert(0, above)
            if stem == "__init__":
                names.pop()
            taken = sys.modules.get(names[0])
            if taken is None or _below(getattr(taken, "__file__", None) or "", above):
                module = importlib.import_module(".".join(names))
                if os.path.realpath(getattr(module, "__file__", "") or "") == os.path.realpath(script):
                    return module
        return importlib.import_module(self.name_for(folder, stem, script))

    def name_for(self, folder, stem, script):
        """Makes up a module name that no other file has, the same wherever the project lies."""
        import hashlib

        root = next((root for root in self.roots if _below(os.path.realpath(script), root)), folder)
        relative = os.path.relpath(os.path.realpath(script), root).replace(os.sep, "/")
        digest = hashlib.sha256(relative.encode("utf-8", "surrogatepass")).hexdigest()[:12]
        package = "kptn_file_" + digest
        name = package + "." + "".join(c if c.isalnum() or c == "_" else "_" for c in stem)
        # The package is the script's folder, so `from .helpers import x` works there too.
        self.files.update({package: folder, name: script})
        os.environ[_VARIABLE] = self.text()
        return name

    def text(self):
        return json.dumps({"roots": self.roots, "files": self.files})

    def imported(self):
        """Returns the project's files that were imported since this was asked last."""
        new = sys.modules.keys() - self.looked_at
        self.looked_at |= new
        files = (getattr(sys.modules[name], "__file__", None) for name in new)
        found = {os.path.realpath(file) for file in files if isinstance(file, str) and self.owns(file)} - self.found
        self.found |= found
        return sorted(found)


def _below(path, folder):
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


# ---------------------------------------------------------------- older projects


class _OlderProjects:
    """Supplies `kptn.util.pipeline_config` and `kptn.util.runtime_config` where Python finds no such package."""

    names = ("kptn", "kptn.util", "kptn.util.pipeline_config", "kptn.util.runtime_config")

    def find_spec(self, name, path=None, target=None):
        if name not in self.names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=name in self.names[:2])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        if module.__name__ == "kptn.util.pipeline_config":
            module.PipelineConfig = PipelineConfig
            module.get_scratch_dir = lambda config: config.scratch_dir
            module.get_storage_key = lambda config: config.STORAGE_KEY or config.BRANCH
        elif module.__name__ == "kptn.util.runtime_config":
            module.RuntimeConfig = RuntimeConfig


class PipelineConfig:
    """What kptn 0.1 gave to a parameter named `pipeline_config`."""

    def __init__(self, **values):
        self.IMAGE = ""
        self.BRANCH = ""
        self.DATA_YEAR = "2022"
        self.STORAGE_KEY = ""
        self.SUBSET_MODE = False
        self.OUTPUT_STORETYPE = "fs"
        self.OUTPUT_FILETYPE = "csv"
        self.PIPELINE_NAME = ""
        self.PY_MODULE_PATH = ""
        self.TASKS_CONFIG_PATH = ""
        self.PY_TASKS_DIRS = ()
        self.R_TASKS_DIRS = ()
        self.scratch_dir = None
        self.__dict__.update(values)
        self.PY_TASKS_DIRS = tuple(self.PY_TASKS_DIRS)
        self.R_TASKS_DIRS = tuple(self.R_TASKS_DIRS)
        if self.scratch_dir is not None:
            self.scratch_dir = _path(self.scratch_dir)

    @property
    def externals_dir(self):
        return os.path.join(self.scratch_dir, "externals")

    def __repr__(self):
        return "PipelineConfig(%s)" % ", ".join("%s=%r" % pair for pair in sorted(self.__dict__.items()))


class RuntimeConfig:
    """The values of `config`, by name; functions among them are called when they are first asked for."""

    def __init__(self, values=None, fallback=None, task_info=None):
        self.__dict__.update(_values=dict(values or {}), _known={}, _asked=[], _fallback=fallback)
        self.__dict__["_task_info"] = dict(task_info or {})

    def __contains__(self, name):
        return name in self._values

    def __getitem__(self, name):
        if name not in self._known:
            if name in self._asked:
                raise RuntimeError("config value `%s` needs itself: %s" % (name, " -> ".join(self._asked + [name])))
            self._asked.append(name)
            try:
                self._known[name] = self._resolve(self._values[name])
            finally:
                self._asked.pop()
        return self._known[name]

    def __getattr__(self, name):
        if name in self._values:
            return self[name]
        if self._fallback is not None and not name.startswith("_") and hasattr(self._fallback, name):
            return getattr(self._fallback, name)
        raise AttributeError(name)

    def get(self, name, default=None):
        return self[name] if name in self else default

    def as_dict(self):
        return {name: self[name] for name in self._values}

    def _resolve(self, value):
        if isinstance(value, list):
            return [self._resolve(element) for element in value]
        if isinstance(value, dict):
            if set(value) == {"$function"}:
                return self._call(value["$function"])
            return {key: self._resolve(element) for key, element in value.items()}
        return value

    def _call(self, spec):
        import inspect

        module, _, attribute = spec.partition(":")
        function = importlib.import_module(module)
        for part in attribute.split("."):
            function = getattr(function, part)
        keywords = {}
        for name, parameter in inspect.signature(function).parameters.items():
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if name == "task_info":
                keywords[name] = dict(self._task_info)
            elif name in self:
                keywords[name] = self[name]
            elif parameter.default is parameter.empty:
                raise TypeError("config function `%s` needs `%s`, which `config` does not have" % (spec, name))
        return function(**keywords)


def _path(text):
    import pathlib

    return pathlib.Path(text)


# ---------------------------------------------------------------- calling


class _Refused(Exception):
    """The function was not called, and this says why; no traceback helps."""


def _function(module, name, script):
    import difflib

    found = module
    for part in name.split("."):
        found = getattr(found, part, None)
    if callable(found):
        return found
    near = difflib.get_close_matches(name, [n for n, v in vars(module).items() if callable(v)], 1)
    hint = "; did you mean `%s`?" % near[0] if near else ""
    raise _Refused("`%s` has no function `%s`%s" % (os.path.basename(script), name, hint))


def _arguments(function, task, item):
    """Returns positional and keyword arguments: each parameter by its name."""
    import inspect

    given = {**task["given"], **item}
    pipeline = PipelineConfig(**task["pipeline"])
    runtime = RuntimeConfig(task["config"], pipeline, task["info"])
    always = {
        "pipeline_config": pipeline,
        "runtime_config": runtime,
        "output_dir": pipeline.scratch_dir,
        "idx": None,
    }
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return [], given
    positional, keywords, missing = [], {}, []
    takes_all = any(p.kind == p.VAR_KEYWORD for p in parameters.values())
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if name in given:
            value = given[name]
        elif name in runtime:
            value = runtime[name]
        elif name in always:
            value = always[name]
        elif not name.startswith("_") and hasattr(pipeline, name):
            value = getattr(pipeline, name)
        elif parameter.default is parameter.empty:
            missing.append(name)
            continue
        else:
            continue
        if isinstance(value, str) and _wants_path(function, parameter):
            value = _path(value)
        if parameter.kind == parameter.POSITIONAL_ONLY:
            positional.append(value)
        else:
            keywords[name] = value
    if missing:
        listed = ", ".join("`%s`" % name for name in missing)
        raise _Refused("nothing supplies parameter %s of `%s`" % (listed, task["function"]))
    unknown = [name for name in task["args"] if name not in parameters]
    if takes_all:
        keywords.update((name, value) for name, value in given.items() if name not in parameters)
    elif unknown:
        listed = ", ".join("`%s`" % name for name in unknown)
        raise _Refused("`%s` does not take %s, which `args` names" % (task["function"], listed))
    return positional, keywords


def _wants_path(function, parameter):
    import pathlib
    import typing

    annotation = parameter.annotation
    if annotation is parameter.empty:
        return False
    if isinstance(annotation, str):
        try:
            annotation = typing.get_type_hints(function).get(parameter.name, annotation)
        except Exception:
            return any(word in annotation.replace("[", " ").replace("|", " ").replace("]", " ").split()
                       for word in ("Path", "pathlib.Path", "PurePath"))
    kinds, found = [annotation], False
    while kinds and not found:
        kind = kinds.pop()
        found = isinstance(kind, type) and issubclass(kind, pathlib.PurePath)
        kinds.extend(getattr(kind, "__args__", ()))
    return found


def _call(project, task, item):
    """Calls the function and returns what it returned."""
    import inspect

    module = project.load(task["script"])
    function = _function(module, task["function"], task["script"])
    positional, keywords = _arguments(function, task, item)
    returned = function(*positional, **keywords)
    if inspect.iscoroutine(returned):
        import asyncio

        returned = asyncio.run(returned)
    if inspect.isgenerator(returned) or inspect.isasyncgen(returned):
        raise _Refused("`%s` has a `yield`: calling it made a generator and ran nothing" % task["function"])
    return returned


# ---------------------------------------------------------------- results


class _NotJson(Exception):
    """A value that would not come back from JSON as it was."""

    def __init__(self, place, found):
        super().__init__("%s: %s" % (place or "the result", found))


class _Plain:
    """Turns what a function returned into what JSON can say.

    Stay as they are: None, bool, int (64 bits), finite float, str, and lists and
    dicts of these. Become lists: tuples, ranges, sets (sorted), numpy arrays,
    pandas and polars columns. Become text: Path, Decimal, UUID, dates and times
    (ISO 8601). An Enum is its value, a numpy scalar its Python twin, a missing
    value of pandas null. Text and paths that lead into the output folder become
    relative to it. All else is an error: better now than wrong later.
    """

    deepest = 100

    def __init__(self, output_dir):
        self.folders = {output_dir, os.path.realpath(output_dir)}

    def text(self, value):
        plain = self.convert(value, "", 0)
        # Python's own sorting and spelling are close to canonical; kptn spells it out again.
        return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8")

    def convert(self, value, place, depth):
        kind = type(value)
        if value is None or kind is bool:
            return value
        if kind is str:
            return self.relative(value, place)
        if kind is int:
            if not -(2**63) <= value < 2**64:
                raise _NotJson(place, "int of more than 64 bits")
            return value
        if kind is float:
            if value != value or value in (float("inf"), float("-inf")):
                raise _NotJson(place, "float %r" % value)
            return value
        if depth >= self.deepest:
            raise _NotJson(place[:80] + "...", "nested deeper than %d" % self.deepest)
        if isinstance(value, (list, tuple, range)):
            return [self.convert(element, "%s[%d]" % (place, at), depth + 1) for at, element in enumerate(value)]
        if isinstance(value, dict):
            return self.mapping(value, place, depth)
        return self.convert(self.simpler(value, place), place, depth + 1)

    def mapping(self, value, place, depth):
        plain = {}
        for key, element in value.items():
            if not isinstance(key, str):
                raise _NotJson("%s{%.40r}" % (place, key), "key of type %s" % _kind(key))
            name = self.relative(str.__str__(key), place)
            if name in plain:
                raise _NotJson(place, "two keys that lead to %r" % name)
            plain[name] = self.convert(element, "%s.%s" % (place, key) if place else str(key), depth + 1)
        return plain

    def relative(self, text, place):
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            raise _NotJson(place, "str that is not Unicode: %r" % text[:40]) from None
        for folder in self.folders:
            if text.startswith(folder) and _below(text, folder):
                return text[len(folder):].strip("/" + os.sep).replace(os.sep, "/") or "."
        return text

    def simpler(self, value, place):
        """Returns a value one step closer to JSON."""
        import datetime
        import decimal
        import enum
        import pathlib
        import uuid

        kind = type(value)
        library = (kind.__module__ or "").split(".")[0]
        if isinstance(value, enum.Enum):
            return value.value
        if isinstance(value, (set, frozenset)):
            plain = [self.convert(element, "%s{%.40r}" % (place, element), 1) for element in value]
            return sorted(plain, key=lambda element: json.dumps(element, sort_keys=True))
        if isinstance(value, (pathlib.PurePath, uuid.UUID)):
            return str(value)
        if isinstance(value, decimal.Decimal) and value.is_finite():
            return str(value)
        if library == "pandas" and kind.__name__ in ("NAType", "NaTType"):
            return None
        if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
            return value.isoformat()
        if library == "numpy":
            return self.from_numpy(value, place)
        if library in ("pandas", "polars") and (
            kind.__name__ in ("Series", "Categorical") or kind.__name__.endswith("Index") or kind.__name__.endswith("Array")
        ):
            return list(value)
        for base in (str, int, float):
            if isinstance(value, base):
                return base(value)
        raise _NotJson(place, _kind(value))

    def from_numpy(self, value, place):
        shape, kind = getattr(value, "shape", None), getattr(getattr(value, "dtype", None), "kind", "")
        if kind in "biufUO" and kind:
            return value.tolist()
        if kind == "M":
            # `tolist` would make bare numbers of nanoseconds.
            return [element for element in value] if shape else (None if str(value) == "NaT" else str(value))
        raise _NotJson(place, "%s%s" % (_kind(value), " of %s" % value.dtype if shape else ""))


def _kind(value):
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else "%s.%s" % (kind.__module__, kind.__qualname__)


# ---------------------------------------------------------------- answering


def _tell(error):
    """Prints a traceback without the frames of this file, and returns the error in one line."""
    import traceback

    told = traceback.TracebackException.from_exception(error)
    seen, rest = set(), [told]
    while rest:
        one = rest.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.stack = traceback.StackSummary.from_list([frame for frame in one.stack if not _hidden(frame.filename)])
        rest += [one.__cause__, one.__context__] + list(getattr(one, "exceptions", None) or [])
    sys.stderr.write("".join(told.format()))
    try:
        said = str(error).strip().split("\n")[0]
    except Exception:
        said = "(it has no text)"
    return _kind(error) + (": " + said if said else "")


def _hidden(filename):
    return filename == __file__ or filename.startswith("<frozen importlib") or filename == importlib.__file__


def _attempt(project, task, item):
    """Returns the answer to one call, and the bytes of a result."""
    try:
        returned = _call(project, task, item)
        if not task["wants_result"]:
            return {"ended": "returned"}, None
        return {"ended": "returned"}, _Plain(task["pipeline"]["scratch_dir"]).text(returned)
    except _Refused as error:
        sys.stderr.write("%s\n" % error)
        return {"ended": "refused", "error": str(error)}, None
    except _NotJson as error:
        sys.stderr.write("the result cannot be kept as JSON: %s\n" % error)
        return {"ended": "unkeepable", "error": str(error)}, None
    except SystemExit as error:
        if error.code is None or error.code == 0:
            return {"ended": "exited", "code": 0}, None
        if not isinstance(error.code, int):
            sys.stderr.write("%s\n" % error.code)
            return {"ended": "exited", "code": 1, "error": str(error.code).split("\n")[0]}, None
        return {"ended": "exited", "code": error.code}, None
    except BaseException as error:
        return {"ended": "raised", "error": _tell(error)}, None


def _reset(call, streams, start):
    """Makes the process look as if it had just started, with the environment `start`."""
    import random

    sys.stdout, sys.stderr = streams
    sys.stdout.flush()
    if call.get("log") is not None:
        log = os.open(call["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)
    wanted = {**start, **call["set"]}
    if dict(os.environ) != wanted:
        os.environ.clear()
        os.environ.update(wanted)
    os.chdir(call["folder"])
    sys.argv[1:] = []
    random.seed()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed()


def _threads():
    import threading

    me = threading.current_thread()
    return [t.name for t in threading.enumerate() if t is not me and not t.daemon]


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
    except ChildProcessError:
        return False


def _children():
    children = set()
    for thread in os.listdir("/proc/self/task"):
        with open("/proc/self/task/%s/children" % thread) as file:
            children.update(map(int, file.read().split()))
    return children


def _helpers():
    """Processes that multiprocessing keeps for the next time."""
    helpers = set()
    for module, attribute in (("resource_tracker", "_resource_tracker"), ("forkserver", "_forkserver")):
        module = sys.modules.get("multiprocessing." + module)
        keeper = getattr(module, attribute, None)
        helpers |= {getattr(keeper, "_pid", None), getattr(keeper, "_forkserver_pid", None)}
    return helpers


def _used():
    """Returns CPU time in ms, of this process and those it waited for, and peak memory in KiB."""
    try:
        import resource
    except ImportError:
        return 0, 0
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    seconds = sum(used.ru_utime + used.ru_stime for used in both)
    return int(seconds * 1000), max(used.ru_maxrss for used in both) // (1024 if sys.platform == "darwin" else 1)


def main():
    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    streams, me = (sys.stdout, sys.stderr), os.getpid()
    task = json.loads(requests.readline())
    project = _Project(task["roots"], {})
    project.install()
    os.environ[_VARIABLE] = project.text()
    start = dict(os.environ)
    sys.argv = [task["script"]]
    fresh = task["given"]
    if task["warm"]:
        _adopt_orphans()
    for line in iter(requests.readline, b""):
        call = json.loads(line)
        _reset(call, streams, start)
        before, _ = _used()
        # Values are parsed anew for each call: an item may change the list it was given.
        answer, result = _attempt(project, {**task, "given": {k: json.loads(v) for k, v in fresh.items()}}, call["item"])
        if os.getpid() != me:
            # A fork of the task's own came back here; it is not ours to answer.
            os._exit(0)
        for stream in (sys.stdout, sys.stderr, *streams):
            try:
                stream.flush()
            except Exception:
                pass
        answer["imported"] = project.imported()
        answer["threads"] = _threads()
        try:
            answer["children"] = task["warm"] and _has_children()
        except OSError:
            answer["children"] = False
        after, answer["peak_kib"] = _used()
        answer["cpu_ms"] = after - before
        answer["result_bytes"] = None if result is None else len(result)
        answers.write(json.dumps(answer).encode("ascii") + b"\n" + (result or b""))
        answers.flush()


if __name__ == "__main__":
    main()
elif _VARIABLE in os.environ:
    # A process of the task's own (multiprocessing): the same rules for imports.
    _shared = json.loads(os.environ[_VARIABLE])
    _Project(_shared["roots"], _shared["files"]).install()
